#include "cli/signer.h"

#include "base/file.h"
#include "base/memory.h"
#include "oci/sign/pkcs11_uri.h"
#include "oci/sign/signer.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY_BYTES = 64 * 1024 };

// Where the key is, when it is not in a file.
struct place {
    const char *argv[3];
    struct pkcs11_uri uri;
    char *pin;
    struct signer signer; // borrows from the others
};

static void release_place(struct place *place)
{
    pkcs11_uri_release(&place->uri);
    secret_free(place->pin);
}
#define cleanup_place __attribute__((cleanup(release_place)))

// The first line: editors put a newline behind it.
static int read_secret(const char *file, const char *what, char **ret_secret, struct error *err)
{
    if (file_read(file, MAX_KEY_BYTES, ret_secret, NULL, err) < 0)
        return error_wrap(err, "%s", what);
    (*ret_secret)[strcspn(*ret_secret, "\r\n")] = '\0';
    return 0;
}

static int find_pin(const struct cli *cli, struct place *place, struct error *err)
{
    const char *file = cli_string(cli, "password-file");
    if (place->uri.pin_value != NULL)
        place->pin = xstrdup(place->uri.pin_value);
    else if (place->uri.pin_source != NULL)
        return read_secret(place->uri.pin_source, "pin-source", &place->pin, err);
    else if (file != NULL)
        return read_secret(file, "--password-file", &place->pin, err);
    else
        place->pin = xstrdup_or_null(getenv("SEALIFT_PKCS11_PIN"));
    return 0;
}

static int find_token(const struct cli *cli, const char *key, struct place *place,
                      struct error *err)
{
    if (pkcs11_uri_parse(key, &place->uri, err) < 0 || find_pin(cli, place, err) < 0)
        return -1;
    place->argv[0] = SIGNER_OURSELVES;
    place->argv[1] = "pkcs11-signer";
    place->signer.key = place->uri.name;
    place->signer.module = place->uri.module_path;
    place->signer.pin = place->pin;
    return 0;
}

// *ret_elsewhere: another program has the key.
static int find_place(const struct cli *cli, const char *key, struct place *place,
                      bool *ret_elsewhere, struct error *err)
{
    const char *program = cli_string(cli, "signer");
    *ret_elsewhere = program != NULL || pkcs11_uri_is(key);
    place->signer = (struct signer){.argv = place->argv, .timeout_ms = cli->timeout_ms};
    if (program != NULL) {
        place->argv[0] = program;
        place->signer.key = key;
    } else if (*ret_elsewhere) {
        return find_token(cli, key, place, err);
    }
    return 0;
}

static int load_file(const struct cli *cli, const char *file, struct sign_key **ret_key,
                     struct error *err)
{
    const char *password_file = cli_string(cli, "password-file");
    cleanup_secret char *pem = NULL;
    cleanup_secret char *password = NULL;
    size_t size = 0;
    if (file_read(file, MAX_KEY_BYTES, &pem, &size, err) < 0)
        return error_wrap(err, "--key");
    if (password_file == NULL)
        password = xstrdup_or_null(getenv("COSIGN_PASSWORD"));
    else if (read_secret(password_file, "--password-file", &password, err) < 0)
        return -1;
    if (sign_key_load(pem, size, password, file, ret_key, err) == 0)
        return 0;
    return password == NULL && err->code == ERROR_DENIED
               ? error_set(err, ERROR_DENIED,
                           "%s is encrypted, and no password was given; give it with "
                           "--password-file FILE or in COSIGN_PASSWORD",
                           file)
               : -1;
}

int signer_load(const struct cli *cli, struct sign_key **ret_key, struct error *err)
{
    const char *key = cli_string(cli, "key");
    cleanup_place struct place place = {0};
    bool elsewhere = false;
    if (key == NULL)
        return error_set(err, ERROR_INVALID,
                         "which key signs? name it with --key KEY; sealift keygen makes one%s",
                         command_option(cli->command, "identity-token-file",
                                        strlen("identity-token-file"), 0) != NULL
                             ? "; or sign by identity, with --identity-token-file FILE"
                             : "");
    if (find_place(cli, key, &place, &elsewhere, err) < 0)
        return -1;
    return elsewhere ? sign_key_open(&place.signer, ret_key, err)
                     : load_file(cli, key, ret_key, err);
}

int signer_load_public(const struct cli *cli, const char *key, struct verify_key **ret_key,
                       struct error *err)
{
    cleanup_place struct place place = {0};
    bool elsewhere = false;
    if (find_place(cli, key, &place, &elsewhere, err) < 0)
        return -1;
    return elsewhere ? signer_public_key(&place.signer, ret_key, err) : 0;
}
