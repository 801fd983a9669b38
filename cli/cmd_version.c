#include "base/jval.h"
#include "cli/commands.h"
#include "cli/print.h"

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <stdio.h>

static int run(struct cli *cli, struct error *err)
{
    if (cli_string(cli, "output") == NULL) {
        printf("sealift %s\n", SEALIFT_VERSION);
        return 0;
    }
    cleanup_json json_t *value = json_object();
    jval_set_string(value, "version", SEALIFT_VERSION);
    jval_set_string(value, "libraries.curl", curl_version_info(CURLVERSION_NOW)->version);
    jval_set_string(value, "libraries.openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    jval_set_string(value, "libraries.jansson", jansson_version_str());
    return print_answer_of(cli, value, SEALIFT_VERSION, err);
}

static const struct option_spec options[] = {
    RESULT_OPTION,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Print the version",
    .help =
        "The version of this program; with -o json also those of the libraries that it runs on.\n\n"
        "  sealift version\n",
    .options = options,
    .run = run,
};
