#include "base/file.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/registry.h"
#include "cli/tell.h"
#include "oci/artifact.h"

#include <string.h>

static int write_file(const char *dir, const struct oci_file *file, struct error *err)
{
    cleanup_free char *path = path_join(dir, file->path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int result = file_make_dirs(path, err);
    *slash = '/';
    return result < 0 ? -1 : file_write_swap(path, file->data, file->size, 0644, err);
}

static int pull(struct cli *cli, struct registry *registry, const char *dir, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_free char *bytes = NULL;
    cleanup_vec struct vec files = OCI_FILES;
    cleanup_oci_share struct oci_share share = {0};
    size_t size;
    tell_step(cli, "resolving %s", cli_argument(cli, 0));
    if (registry_resolve(registry, &descriptor, err) < 0 ||
        oci_get_manifest(registry->repository, descriptor.digest.text, &bytes, &size, &manifest,
                         err) < 0)
        return -1;
    tell_step(cli, "pulling %s", descriptor.digest.text);
    if (oci_pull(registry->repository, &manifest, &registry->limits, NULL, NULL, &share, &files,
                 err) < 0 ||
        file_make_dirs(dir, err) < 0)
        return -1;
    vec_foreach (struct oci_file, file, &files) {
        if (write_file(dir, file, err) < 0)
            return -1;
    }
    tell_warning(cli, "nothing was verified: `sealift verify %s --key FILE` does that",
                 cli_argument(cli, 0));
    tell_done(cli, "%zu file%s of %s %s in %s", files.len, tell_s(files.len),
              descriptor.digest.text, files.len == 1 ? "is" : "are", dir);
    return 0;
}

static int run(struct cli *cli, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    const char *dir = cli_string(cli, "output");
    if (dir == NULL)
        return error_set(err, ERROR_INVALID, "name the folder to write to with --output DIR");
    if (registry_open(cli, cli_argument(cli, 0), REGISTRY_PULL, &registry, err) < 0)
        return -1;
    return pull(cli, &registry, dir, err);
}

static const struct option_spec options[] = {
    {"output", 'o', OPTION_STRING, "DIR", "folder to write to", NULL},
    LIMIT_OPTIONS,
    REGISTRY_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
};

const struct command command_pull = {
    .name = "pull",
    .arguments = "REF",
    .summary = "Write the files of an artifact to a folder",
    .help = "Fetches by digest, compares every digest, unpacks under the same limits as a Sync.\n\n"
            "  sealift pull oci://registry.example.com/acme/shop:prod --output ./shop\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
