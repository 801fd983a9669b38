#include "cli/signer.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_BYTES = 64 * 1024 };

int signer_load(const struct cli *cli, struct sign_key **ret_key, struct error *err)
{
    const char *file = cli_string(cli, "key");
    const char *password_file = cli_string(cli, "password-file");
    const char *variable = getenv("COSIGN_PASSWORD");
    cleanup_secret char *pem = NULL;
    cleanup_secret char *password = NULL;
    size_t size = 0;
    if (file == NULL)
        return error_set(err, ERROR_INVALID,
                         "which key signs? name it with --key FILE; sealift keygen makes one");
    if (file_read(file, MAX_KEY_BYTES, &pem, &size, err) < 0)
        return error_wrap(err, "--key");
    if (password_file != NULL) {
        if (file_read(password_file, MAX_KEY_BYTES, &password, NULL, err) < 0)
            return error_wrap(err, "--password-file");
        password[strcspn(password, "\n")] = '\0';
    } else if (variable != NULL) {
        password = xstrdup(variable);
    }
    return sign_key_load(pem, size, password, file, ret_key, err);
}
