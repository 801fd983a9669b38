#include "api/kind.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/changes.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/inputs.h"
#include "cli/live.h"
#include "cli/print.h"
#include "cli/registry.h"
#include "cli/substitution.h"
#include "cli/sync_files.h"
#include "cli/textdiff.h"
#include "cli/workspace.h"
#include "oci/artifact.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIFF_SAME = 0, DIFF_DIFFERENT = 1, DIFF_FAILED = 2, MAX_DIFF_BYTES = 64 << 20 };

static const struct textdiff_side absent = {.name = NULL, .data = "", .size = 0};

static struct textdiff_side side_of(const struct oci_file *file)
{
    if (file == NULL)
        return absent;
    return (struct textdiff_side){.name = file->path, .data = file->data, .size = file->size};
}

static int compare(const struct vec *before, const struct vec *after, struct strbuf *out,
                   struct error *err)
{
    struct changes_walk walk = {before, after, 0, 0};
    const struct oci_file *a;
    const struct oci_file *b;
    while (changes_next(&walk, &a, &b)) {
        struct textdiff_side from = side_of(a);
        struct textdiff_side to = side_of(b);
        if (textdiff(&from, &to, out, err) < 0)
            return -1;
    }
    return 0;
}

static int print_changes(const struct vec *before, const struct vec *after, const char *format,
                         struct error *err)
{
    cleanup_json json_t *changes = changes_list(before, after);
    size_t index;
    json_t *change;
    bool names = strcmp(format, "name") == 0;
    json_array_foreach (changes, index, change) {
        if (names) {
            print_visible(jval_string(change, "path"));
            putchar('\n');
        }
    }
    if (!names && print_value(changes, format, err) < 0)
        return DIFF_FAILED;
    return json_array_size(changes) > 0 ? DIFF_DIFFERENT : DIFF_SAME;
}

static void print_diff(const struct cli *cli, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool header = strncmp(text, "---", 3) == 0 || strncmp(text, "+++", 3) == 0 || *text == 'd';
        const char *color = !cli->color || header ? NULL
                            : *text == '+'        ? "\033[32m"
                            : *text == '-'        ? "\033[31m"
                            : *text == '@'        ? "\033[36m"
                                                  : NULL;
        cleanup_free char *line = xstrndup(text, length);
        fputs(color != NULL ? color : "", stdout);
        print_visible(line);
        puts(color != NULL ? "\033[0m" : "");
        text += length + (text[length] == '\n');
    }
}

// ---- the sides ----

// The Sync that the argument "sync/NAME" names, or NULL for another argument.
static int find_sync(const struct cli *cli, const char *text, struct store **store,
                     json_t **ret_sync, struct error *err)
{
    if (text == NULL || strncmp(text, "sync/", 5) != 0)
        return 0;
    if (*store == NULL && workspace_open(cli, WORKSPACE_READ, store, err) < 0)
        return -1;
    return workspace_get(cli, *store, "Sync", text + 5, ret_sync, err);
}

// A Sync, against what is given or what it follows: what an apply would change.
static int load_sync(const struct cli *cli, struct store *store, const json_t *sync,
                     const char *other, struct vec *before, struct vec *after, struct error *err)
{
    cleanup_vec struct vec files = OCI_FILES;
    if (other != NULL ? files_load(cli, other, &files, NULL, err) < 0
                      : sync_files_load(cli, store, sync, &files, err) < 0)
        return -1;
    if (live_is_cluster(sync))
        return live_compare(cli, store, sync, &files, before, after, err);
    struct vec moved = *after;
    *after = files;
    files = moved;
    cleanup_free char *text = xasprintf("sync/%s", object_name(sync));
    return files_load(cli, text, before, NULL, err);
}

// Other commands take a kind and a name as two words, too; here two words are two sides.
static int check_words(const char *first, const char *second, struct error *err)
{
    const struct kind *kind = kind_find(first);
    bool has_artifact =
        kind != NULL && (strcmp(kind->name, "Sync") == 0 || strcmp(kind->name, "Bundle") == 0);
    if (!has_artifact || second == NULL || strchr(second, '/') != NULL || access(first, F_OK) == 0)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "there is no folder %s; did you mean %s/%s? an object is one word here", first,
                     strcmp(kind->name, "Sync") == 0 ? "sync" : "bundle", second);
}

static int load_sides(const struct cli *cli, struct vec *before, struct vec *after,
                      struct error *err)
{
    const char *first = cli_argument(cli, 0);
    const char *second = cli_argument(cli, 1);
    cleanup_store struct store *store = NULL;
    cleanup_json json_t *from = NULL;
    cleanup_json json_t *to = NULL;
    if (check_words(first, second, err) < 0 || find_sync(cli, first, &store, &from, err) < 0 ||
        find_sync(cli, second, &store, &to, err) < 0)
        return -1;
    if (second == NULL && from == NULL)
        return error_set(err, ERROR_INVALID,
                         "compare %s with what? name two sides, or one Sync, like sync/shop",
                         first);
    if (from != NULL && (second == NULL || (to == NULL && live_is_cluster(from))))
        return load_sync(cli, store, from, second, before, after, err);
    if (to != NULL && from == NULL && live_is_cluster(to))
        return load_sync(cli, store, to, first, after, before, err);
    return files_load(cli, first, before, NULL, err) < 0 ||
                   files_load(cli, second, after, NULL, err) < 0
               ? -1
               : 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_vec struct vec before = OCI_FILES;
    cleanup_vec struct vec after = OCI_FILES;
    cleanup_strbuf struct strbuf out;
    strbuf_init(&out, MAX_DIFF_BYTES);
    if (load_sides(cli, &before, &after, err) < 0)
        return DIFF_FAILED;
    changes_sort(&before);
    changes_sort(&after);
    if (*print_format(cli) != '\0')
        return print_changes(&before, &after, print_format(cli), err);
    if (compare(&before, &after, &out, err) < 0)
        return DIFF_FAILED;
    print_diff(cli, out.data);
    return out.len > 0 ? DIFF_DIFFERENT : DIFF_SAME;
}

static const struct option_spec options[] = {
    {"path", 0, OPTION_STRING, "PATH", "of a folder: render only this path of it", NULL},
    {"type", 0, OPTION_STRING, "TYPE", "of a folder: how to render it", "Auto|Plain|Kustomize"},
    {"allow-secrets", 0, OPTION_FLAG, NULL, "of a folder: render Secrets with data, too", NULL},
    {"output", 'o', OPTION_STRING, "FORMAT", "only list what differs, as", "json|yaml|name"},
    SUBSTITUTION_OPTIONS,
    INPUT_OPTIONS,
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_diff = {
    .name = "diff",
    .arguments = "BEFORE AFTER | sync/NAME",
    .summary = "Compare sets of objects: folders, artifacts, what a Sync keeps",
    .help = "Each side is a folder (rendered as the packager would), an artifact (oci://…, "
            "oci-layout://…),\n"
            "bundle/NAME (what it released last) or sync/NAME (what stands where it applies).\n"
            "A Sync alone is compared with the newest artifact that it follows. In a cluster the "
            "API server says what an apply\n"
            "would make of it (a dry run), what would be pruned is shown as removed, and the "
            "values of Secrets do not show.\n"
            "Exit status: 0 the same, 1 different, 2 failed.\n\n"
            "  sealift diff sync/shop\n"
            "  sealift diff sync/shop ./apps/shop/prod\n"
            "  sealift diff bundle/shop oci://registry.example.com/acme/shop:prod\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run,
};
