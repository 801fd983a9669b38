#include "base/encoding.h"
#include "base/file.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/create.h"
#include "cli/tell.h"

#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20 };

static int split_pair(const char *option, const char *text, char **ret_name, const char **ret_value,
                      struct error *err)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(err, ERROR_INVALID, "--%s is KEY=%s, not \"%.40s\"", option,
                         strcmp(option, "from-file") == 0 ? "FILE" : "VALUE", text);
    *ret_name = xstrndup(text, (size_t)(equals - text));
    *ret_value = equals + 1;
    return 0;
}

// A password or token in a file of one line: the break that an editor or `echo` puts at its end is
// not part of it. All other keys keep every byte.
static size_t without_line_break(const struct cli *cli, const char *key, const char *path,
                                 const char *content, size_t size)
{
    static const char *const words[] = {"token", "username", "password", "bearerToken",
                                        "cosign.password"};
    bool is_word = false;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        is_word = is_word || strcmp(key, words[i]) == 0;
    size_t line = strcspn(content, "\r\n");
    bool one_line = size - line == strspn(content + line, "\r\n") && size - line <= 2;
    if (!is_word || line == size || !one_line)
        return size;
    tell_warning(cli, "%s ends in a line break, which is not part of a %s: left out", path, key);
    return line;
}

static int run_secret(struct cli *cli, struct error *err)
{
    cleanup_json json_t *object = create_object(cli, "Secret", true);
    cleanup_vec struct vec literals = VEC_OF(const char *, NULL);
    cleanup_vec struct vec files = VEC_OF(const char *, NULL);
    cli_list(cli, "from-literal", &literals);
    cli_list(cli, "from-file", &files);
    json_t *data = json_object();
    jval_set(object, "data", data);
    if (literals.len == 0 && files.len == 0)
        return error_set(err, ERROR_INVALID,
                         "what is in Secret %s? name its keys with --from-file KEY=FILE or "
                         "--from-literal KEY=VALUE",
                         cli_argument(cli, 0));
    vec_foreach (const char *, text, &literals) {
        cleanup_free char *name = NULL;
        const char *value = NULL;
        if (split_pair("from-literal", *text, &name, &value, err) < 0)
            return -1;
        cleanup_secret char *encoded = base64_encode(value, strlen(value));
        json_object_set_new(data, name, json_string(encoded));
    }
    vec_foreach (const char *, text, &files) {
        cleanup_free char *name = NULL;
        const char *path = NULL;
        cleanup_secret char *content = NULL;
        size_t size = 0;
        if (split_pair("from-file", *text, &name, &path, err) < 0)
            return -1;
        if (file_read(path, MAX_FILE_BYTES, &content, &size, err) < 0)
            return error_wrap(err, "--from-file %s", name);
        size = without_line_break(cli, name, path, content, size);
        cleanup_secret char *encoded = base64_encode(content, size);
        json_object_set_new(data, name, json_string(encoded));
    }
    return create_finish(cli, object, NULL, err);
}

static const struct option_spec secret_options[] = {
    {"from-file", 0, OPTION_LIST, "KEY=FILE",
     "a key with the content of a file (a password or token without its line break); may be "
     "repeated",
     NULL},
    {"from-literal", 0, OPTION_LIST, "KEY=VALUE", "a key with this value; may be repeated", NULL},
    CREATE_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_create_secret = {
    .name = "create secret",
    .arguments = "NAME",
    .summary = "Create a Secret from files and values",
    .help = "  sealift create secret packager-key --from-file cosign.key=cosign.key \\\n"
            "    --from-literal cosign.password=\n",
    .options = secret_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_secret,
};
