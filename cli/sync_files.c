#include "cli/sync_files.h"

#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/registry.h"
#include "controller/access.h"
#include "oci/artifact.h"
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

// "oci://…@sha256:…" or "oci://…:tag"; owned.
static int follow_bundle(struct store *store, const json_t *sync, char **ret_reference,
                         struct error *err)
{
    const char *name = object_spec_string(sync, "bundleRef.name");
    const char *namespace = object_spec_string(sync, "bundleRef.namespace");
    cleanup_json json_t *bundle = NULL;
    if (store_get(store, "Bundle", namespace != NULL ? namespace : object_namespace(sync), name,
                  &bundle, err) < 0)
        return -1;
    const char *repository = object_spec_string(bundle, "artifact.repository");
    const char *digest = object_status_string(bundle, "artifact.digest");
    if (repository == NULL || digest == NULL)
        return error_set(err, ERROR_NOT_FOUND, "Bundle %s/%s has released no artifact yet",
                         object_namespace(bundle), object_name(bundle));
    *ret_reference = xasprintf("%s@%s", repository, digest);
    return 0;
}

static int follow(struct store *store, const json_t *sync, char **ret_reference, struct error *err)
{
    const char *repository = object_spec_string(sync, "artifact.repository");
    const char *digest = object_spec_string(sync, "artifact.digest");
    const char *tag = object_spec_string(sync, "artifact.tag");
    if (object_spec_string(sync, "bundleRef.name") != NULL)
        return follow_bundle(store, sync, ret_reference, err);
    // Which version a range means is what the controller found last.
    if (digest == NULL && tag == NULL)
        digest = object_status_string(sync, "artifact.digest");
    if (repository == NULL || (digest == NULL && tag == NULL))
        return error_set(err, ERROR_NOT_FOUND,
                         "Sync %s/%s has found no artifact yet; sealift get sync %s -n %s says why",
                         object_namespace(sync), object_name(sync), object_name(sync),
                         object_namespace(sync));
    *ret_reference = digest != NULL ? xasprintf("%s@%s", repository, digest)
                                    : xasprintf("%s:%s", repository, tag);
    return 0;
}

// Who may read the Sync need not be allowed to read its Secrets.
static const char *readable(struct store *store, const json_t *sync, const char *path)
{
    const char *name = object_spec_string(sync, path);
    cleanup_secret_data struct secret_data *secret = NULL;
    if (name == NULL || store_secret(store, object_namespace(sync), name, &secret, NULL) < 0)
        return NULL;
    return name;
}

static int pull(const struct cli *cli, const struct registry_access *access, const char *text,
                struct vec *files, struct error *err)
{
    cleanup_oci_reference struct oci_reference reference = {0};
    cleanup_oci_repository struct oci_repository *repository = NULL;
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_share struct oci_share share = {0};
    cleanup_free char *bytes = NULL;
    struct oci_limits limits;
    size_t size;
    if (limits_read(cli, &limits, err) < 0 || oci_reference_parse(text, &reference, err) < 0 ||
        registry_access_open(access, text, &repository, err) < 0 ||
        oci_resolve(repository, reference.digest != NULL ? reference.digest : reference.tag,
                    &descriptor, err) < 0 ||
        oci_get_manifest(repository, descriptor.digest.text, &bytes, &size, &manifest, err) < 0)
        return -1;
    return oci_pull(repository, &manifest, &limits, NULL, NULL, &share, files, err);
}

// spec.path: only what is below it.
static void keep_below(struct vec *files, const char *path)
{
    while (*path == '.' || *path == '/')
        path++;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    for (size_t i = files->len; length > 0 && i-- > 0;) {
        const struct oci_file *file = vec_at(files, i);
        if (strncmp(file->path, path, length) != 0 || file->path[length] != '/')
            vec_remove(files, i);
    }
}

int sync_files_load(const struct cli *cli, struct store *store, const json_t *sync,
                    struct vec *ret_files, struct error *err)
{
    cleanup_free char *reference = NULL;
    cleanup_free char *login = registry_login(cli);
    cleanup_registry_access struct registry_access access = {0};
    if (follow(store, sync, &reference, err) < 0)
        return -1;
    const struct role role = {.store = store, .docker_config = login, .run_helpers = true};
    const struct registry_wish wish = {
        .namespace = object_namespace(sync),
        .secret = readable(store, sync, "artifact.secretRef.name"),
        .cert_secret = readable(store, sync, "artifact.certSecretRef.name"),
        .insecure = cli_flag(cli, "insecure") ||
                    jval_bool(object_spec(sync, "artifact"), "insecure", false),
        .deadline_mono_ms = clock_mono_ms(clock_system()) + cli->timeout_ms,
    };
    if (registry_access_init(&access, &role, &wish, err) < 0 ||
        pull(cli, &access, reference, ret_files, err) < 0)
        return error_wrap(err, "the artifact %s of Sync %s/%s", reference, object_namespace(sync),
                          object_name(sync));
    const char *path = object_spec_string(sync, "path");
    keep_below(ret_files, path != NULL ? path : "");
    return 0;
}
