#include "cli/sync_files.h"

#include "api/object.h"
#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "cli/registry.h"
#include "controller/access.h"
#include "oci/artifact.h"
#include "oci/reference.h"
#include "oci/tag_words.h"

#include <stdlib.h>
#include <string.h>

static int released(const json_t *bundle, char **ret_reference, struct error *err)
{
    const char *repository = object_spec_string(bundle, "artifact.repository");
    const char *digest = object_status_string(bundle, "artifact.digest");
    if (repository == NULL || digest == NULL)
        return error_set(
            err, ERROR_NOT_FOUND,
            "Bundle %s/%s has released no artifact yet; `sealift get bundle %s -n %s` says why",
            object_namespace(bundle), object_name(bundle), object_name(bundle),
            object_namespace(bundle));
    *ret_reference = xasprintf("%s@%s", repository, digest);
    return 0;
}

int sync_channel(struct store *store, const json_t *sync, char **ret_channel, struct error *err)
{
    const char *bundle_name = object_spec_string(sync, "bundleRef.name");
    const char *channel = object_spec_string(sync, "artifact.channel");
    const char *tag = object_spec_string(sync, "artifact.tag");
    cleanup_json json_t *bundle = NULL;
    if (bundle_name == NULL) {
        // A git- tag names one commit: it is a pin, and no channel.
        bool pin = tag != NULL && strncmp(tag, "git-", 4) == 0;
        *ret_channel = xstrdup_or_null(channel != NULL ? channel : pin ? NULL : tag);
        return 0;
    }
    if (store_get(store, "Bundle", object_bundle_namespace(sync), bundle_name, &bundle, err) < 0)
        return -1;
    *ret_channel =
        xstrdup_or_null(json_string_value(json_array_get(object_spec(bundle, "artifact.tags"), 0)));
    return 0;
}

static int follow_bundle(struct store *store, const json_t *sync, char **ret_reference,
                         struct error *err)
{
    const char *name = object_spec_string(sync, "bundleRef.name");
    cleanup_json json_t *bundle = NULL;
    if (store_get(store, "Bundle", object_bundle_namespace(sync), name, &bundle, err) < 0)
        return -1;
    return released(bundle, ret_reference, err);
}

// "oci://…@sha256:…" or "oci://…:tag"; owned.
static int follow(struct store *store, const json_t *sync, char **ret_reference, struct error *err)
{
    if (strcmp(object_kind(sync), "Bundle") == 0)
        return released(sync, ret_reference, err);
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

// Who may read the object need not be allowed to read its Secrets.
static const char *readable(struct store *store, const json_t *object, const char *path)
{
    const char *name = object_spec_string(object, path);
    cleanup_secret_data struct secret_data *secret = NULL;
    if (name == NULL || store_secret(store, object_namespace(object), name, &secret, NULL) < 0)
        return NULL;
    return name;
}

static int pull(const struct oci_reference *reference, struct oci_repository *repository,
                const struct oci_limits *limits, struct vec *files, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor descriptor = {0};
    cleanup_oci_manifest struct oci_manifest manifest = {0};
    cleanup_oci_share struct oci_share share = {0};
    cleanup_free char *bytes = NULL;
    size_t size;
    if (oci_resolve_named(repository,
                          reference->digest != NULL ? reference->digest : reference->tag,
                          &descriptor, err) < 0 ||
        oci_get_manifest(repository, descriptor.digest.text, &bytes, &size, &manifest, err) < 0)
        return -1;
    return oci_pull(repository, &manifest, limits, NULL, NULL, &share, files, err);
}

// spec.path: only what is below it.
static void keep_below(struct vec *files, const char *path)
{
    while (strncmp(path, "./", 2) == 0 || *path == '/')
        path += *path == '/' ? 1 : 2;
    if (strcmp(path, ".") == 0)
        return;
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    for (size_t i = files->len; length > 0 && i-- > 0;) {
        const struct oci_file *file = vec_at(files, i);
        if (strncmp(file->path, path, length) != 0 || file->path[length] != '/')
            vec_remove(files, i);
    }
}

// As the person, with the command's options.
static int pull_as_person(const struct cli *cli, const char *text, struct vec *files,
                          struct error *err)
{
    cleanup_registry struct registry registry = {0};
    if (registry_open(cli, text, REGISTRY_PULL, &registry, err) < 0)
        return -1;
    return pull(&registry.reference, registry.repository, &registry.limits, files, err);
}

static int pull_with_secrets(const struct cli *cli, struct store *store,
                             const struct registry_wish *wish, const char *text, struct vec *files,
                             struct error *err)
{
    cleanup_free char *login = registry_login(cli);
    cleanup_registry_access struct registry_access access = {0};
    cleanup_oci_reference struct oci_reference reference = {0};
    cleanup_oci_repository struct oci_repository *repository = NULL;
    struct oci_limits limits;
    const struct role role = {.store = store,
                              .docker_config = login,
                              .run_helpers = true,
                              .cloud_login = cli_flag(cli, "cloud-login")};
    if (limits_read(cli, &limits, err) < 0 || oci_reference_parse(text, &reference, err) < 0 ||
        registry_access_init(&access, &role, wish, err) < 0 ||
        registry_access_open(&access, text, &repository, err) < 0)
        return -1;
    return pull(&reference, repository, &limits, files, err);
}

int sync_files_load(const struct cli *cli, struct store *store, const json_t *object,
                    struct vec *ret_files, struct error *err)
{
    cleanup_free char *reference = NULL;
    if (follow(store, object, &reference, err) < 0)
        return -1;
    const struct registry_wish wish = {
        .object = object,
        .namespace = object_namespace(object),
        .secret = readable(store, object, "artifact.secretRef.name"),
        .cert_secret = readable(store, object, "artifact.certSecretRef.name"),
        .proxy_secret = readable(store, object, "artifact.proxySecretRef.name"),
        .insecure = cli_flag(cli, "insecure") ||
                    jval_bool(object_spec(object, "artifact"), "insecure", false),
        .deadline_mono_ms = clock_mono_ms(clock_system()) + cli->timeout_ms,
    };
    bool plain = wish.secret == NULL && wish.cert_secret == NULL && wish.proxy_secret == NULL &&
                 !wish.insecure;
    if (plain ? pull_as_person(cli, reference, ret_files, err) < 0
              : pull_with_secrets(cli, store, &wish, reference, ret_files, err) < 0)
        return error_wrap(err, "the artifact %s of %s %s/%s", reference, object_kind(object),
                          object_namespace(object), object_name(object));
    // A Bundle's is a path in Git.
    const char *path =
        strcmp(object_kind(object), "Sync") == 0 ? object_spec_string(object, "path") : NULL;
    keep_below(ret_files, path != NULL ? path : "");
    return 0;
}
