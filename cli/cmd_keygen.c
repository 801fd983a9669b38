#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/signer.h"
#include "cli/tell.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { MAX_PASSWORD_BYTES = 4096 };

static int read_line(struct strbuf *line, struct error *err)
{
    for (char ch; read(STDIN_FILENO, &ch, 1) == 1 && ch != '\n';) {
        if (strbuf_addch(line, ch) < 0)
            return strbuf_check(line, "the password", err);
    }
    return 0;
}

static int ask_password(char **ret_password, struct error *err)
{
    struct termios visible;
    if (tcgetattr(STDIN_FILENO, &visible) < 0)
        return error_set(err, ERROR_INVALID,
                         "no terminal to ask for a password: set COSIGN_PASSWORD (it may be "
                         "empty) or use --password-file");
    struct termios hidden = visible;
    hidden.c_lflag &= (tcflag_t)~ECHO;
    fputs("Password for the private key (may be empty): ", stderr);
    tcsetattr(STDIN_FILENO, TCSANOW, &hidden);
    struct strbuf line;
    strbuf_init(&line, MAX_PASSWORD_BYTES);
    int result = read_line(&line, err);
    tcsetattr(STDIN_FILENO, TCSANOW, &visible);
    fputc('\n', stderr);
    if (result == 0)
        *ret_password = strbuf_steal(&line);
    strbuf_release(&line);
    return result;
}

static int find_password(const struct cli *cli, char **ret_password, struct error *err)
{
    const char *file = cli_string(cli, "password-file");
    const char *variable = getenv("COSIGN_PASSWORD");
    if (file != NULL) {
        if (file_read(file, MAX_PASSWORD_BYTES, ret_password, NULL, err) < 0)
            return error_wrap(err, "--password-file");
        (*ret_password)[strcspn(*ret_password, "\n")] = '\0';
        return 0;
    }
    if (variable != NULL) {
        *ret_password = xstrdup(variable);
        return 0;
    }
    return ask_password(ret_password, err);
}

// Never over an existing key: what it signed would be lost.
static int write_new(const char *path, const char *text, mode_t mode, struct error *err)
{
    if (file_exists(path))
        return error_set(err, ERROR_CONFLICT, "%s exists; choose another name with --output-prefix",
                         path);
    return file_write_atomic(path, text, strlen(text), mode, err);
}

// --public: prints the public half of a key that is there already, wherever it is.
static int show_public(const struct cli *cli, struct error *err)
{
    const char *name = cli_string(cli, "key");
    cleanup_verify_key struct verify_key *public_half = NULL;
    cleanup_sign_key struct sign_key *key = NULL;
    if (name == NULL)
        return error_set(err, ERROR_INVALID, "--public of which key? name it with --key KEY");
    if (signer_load_public(cli, name, &public_half, err) < 0 ||
        (public_half == NULL && signer_load(cli, &key, err) < 0))
        return -1;
    cleanup_free char *pem =
        verify_key_pem(public_half != NULL ? public_half : sign_key_public(key));
    const char *fingerprint =
        verify_key_fingerprint(public_half != NULL ? public_half : sign_key_public(key))->text;
    cleanup_json json_t *value =
        json_pack("{s:s, s:s}", "publicKey", pem, "fingerprint", fingerprint);
    if (*print_format(cli) != '\0')
        return print_answer_of(cli, value, fingerprint, err);
    fputs(pem, stdout);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    if (cli_flag(cli, "public"))
        return show_public(cli, err);
    if (cli_string(cli, "key") != NULL || cli_string(cli, "signer") != NULL)
        return error_set(err, ERROR_INVALID,
                         "keygen makes a key in a file; one that is elsewhere is made with that "
                         "place's own tools. --public prints its public half");
    const char *prefix = cli_string_or(cli, "output-prefix", "cosign");
    cleanup_free char *key_path = xasprintf("%s.key", prefix);
    cleanup_free char *public_path = xasprintf("%s.pub", prefix);
    if (file_exists(key_path) || file_exists(public_path))
        return error_set(err, ERROR_CONFLICT,
                         "%s or %s exists; choose another name with --output-prefix", key_path,
                         public_path);
    cleanup_secret char *password = NULL;
    cleanup_sign_key struct sign_key *key = NULL;
    cleanup_secret char *pem = NULL;
    if (find_password(cli, &password, err) < 0 || sign_key_generate(&key, err) < 0 ||
        sign_key_write(key, password, &pem, err) < 0)
        return -1;
    cleanup_free char *public_pem = verify_key_pem(sign_key_public(key));
    if (write_new(key_path, pem, 0600, err) < 0 ||
        write_new(public_path, public_pem, 0644, err) < 0)
        return -1;
    tell_made(cli, "private key: %s (keep it where only the packager reads it)", key_path);
    tell_made(cli, "public key:  %s (goes into the TrustPolicy)", public_path);
    cleanup_json json_t *names = json_pack("[s, s]", key_path, public_path);
    cleanup_json json_t *value =
        json_pack("{s:s, s:s, s:s}", "privateKey", key_path, "publicKey", public_path,
                  "fingerprint", verify_key_fingerprint(sign_key_public(key))->text);
    return print_answer(cli, value, names, err);
}

static const struct option_spec options[] = {
    {"output-prefix", 0, OPTION_STRING, "PATH", "write PATH.key and PATH.pub (default: cosign)",
     NULL},
    RESULT_OPTION,
    {"password-file", 0, OPTION_STRING, "FILE",
     "password of the private key (or $COSIGN_PASSWORD, or asked)", NULL},
    {"public", 0, OPTION_FLAG, NULL, "make nothing: print the public half of --key", NULL},
    {"key", 0, OPTION_STRING, "KEY", "with --public: a file, pkcs11:…, or what --signer calls it",
     NULL},
    SIGNER_PROGRAM_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_keygen = {
    .name = "keygen",
    .arguments = "",
    .summary = "Make a signing key in cosign's format",
    .help =
        "An ECDSA P-256 key, encrypted with a password as cosign does; cosign can use it, too.\n\n"
        "  COSIGN_PASSWORD=… sealift keygen --output-prefix packager\n"
        "  sealift keygen --public --key 'pkcs11:token=release;object=packager' > packager.pub\n",
    .options = options,
    .run = run,
};
