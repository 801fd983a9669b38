#include "base/memory.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "oci/sign/pkcs11_uri.h"
#include "oci/sign/signer_pkcs11.h"
#include "oci/sign/signer_protocol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_REQUEST_BYTES = 1 << 20 };

static int read_request(struct strbuf *text, struct error *err)
{
    for (;;) {
        char *room = strbuf_grow(text, 4096);
        ssize_t got = room != NULL ? read(STDIN_FILENO, room, 4096) : 0;
        if (got > 0)
            strbuf_grown(text, (size_t)got);
        else if (got == 0 || errno != EINTR)
            return strbuf_check(text, "the request", err);
    }
}

static int answer(struct signer_answer *ret_answer, struct error *err)
{
    cleanup_strbuf struct strbuf text;
    cleanup_signer_request struct signer_request request = {0};
    cleanup_pkcs11_uri struct pkcs11_uri uri = {0};
    strbuf_init(&text, MAX_REQUEST_BYTES);
    int parsed = read_request(&text, err);
    if (parsed == 0)
        parsed = signer_request_parse(text.data, text.len, &request, err);
    if (text.len > 0)
        explicit_bzero(text.data, text.len); // it may hold the PIN
    if (parsed < 0 || pkcs11_uri_parse(request.key, &uri, err) < 0)
        return -1;
    if (uri.pin_source != NULL || uri.pin_value != NULL || uri.module_path != NULL)
        return error_set(err, ERROR_INVALID,
                         "the key of a request has no '?': PIN and library are members of the "
                         "request, pin and module");
    return signer_pkcs11_answer(&request, ret_answer, err);
}

// Also on failure there is an answer, which the asker reads. Then the process ends without a
// clean-up: engine and tokens' libraries leave memory behind and take each other down in the wrong
// order at exit, some with a crash.
static int run(struct cli *cli, struct error *err)
{
    (void)cli;
    cleanup_error struct error failure = {0};
    cleanup_signer_answer struct signer_answer given = {0};
    int result = answer(&given, &failure);
    cleanup_free char *text = result == 0 ? signer_answer_build(&given)
                                          : signer_answer_build_error(error_message(&failure));
    printf("%s\n", text);
    if (fflush(stdout) == EOF)
        return error_errno(err, errno, "write the answer");
    _exit(result == 0 ? 0 : 1);
}

static const struct option_spec options[] = {
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_pkcs11_signer = {
    .name = "pkcs11-signer",
    .arguments = "",
    .summary = "Answer one request for a key in a PKCS#11 token",
    .help = "What --key pkcs11:… and a Bundle's sign.pkcs11 start for each signature: reads a "
            "request of the signer\n"
            "protocol (docs/signers.md) from standard input, asks the token through OpenSSL's "
            "engine, prints the answer.\n\n"
            "  sealift pkcs11-signer < request.json\n",
    .options = options,
    .run = run,
};
