#include "cli/registry.h"

#include "base/file.h"
#include "base/memory.h"
#include "cli/tell.h"
#include "oci/tag_words.h"
#include "oci/warnings.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 20, DEFAULT_CHUNK_BYTES = 16 << 20, MAX_CHUNK_BYTES = 1 << 30 };

// Where docker, podman and skopeo keep logins, in the order in which they look.
char *registry_login(const struct cli *cli)
{
    char *text = NULL;
    const char *file = cli_string(cli, "docker-config");
    if (file != NULL)
        return file_read(file, MAX_FILE_BYTES, &text, NULL, NULL) == 0 ? text : NULL;
    const struct {
        const char *variable;
        const char *below;
    } places[] = {{"REGISTRY_AUTH_FILE", ""},
                  {"DOCKER_CONFIG", "/config.json"},
                  {"XDG_RUNTIME_DIR", "/containers/auth.json"},
                  {"HOME", "/.docker/config.json"}};
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        const char *value = getenv(places[i].variable);
        if (value == NULL || *value == '\0')
            continue;
        cleanup_free char *path = xasprintf("%s%s", value, places[i].below);
        if (file_read(path, MAX_FILE_BYTES, &text, NULL, NULL) == 0)
            return text;
    }
    return NULL;
}

char *registry_name(const struct registry *registry, const char *digest)
{
    cleanup_free char *repository = oci_reference_repository(&registry->reference);
    return xasprintf("%s@%s", repository, digest);
}

static int read_named(const struct cli *cli, const char *option, char **ret_text, struct error *err)
{
    const char *file = cli_string(cli, option);
    if (file != NULL && file_read(file, MAX_FILE_BYTES, ret_text, NULL, err) < 0)
        return error_wrap(err, "--%s", option);
    return 0;
}

static int read_tls(const struct cli *cli, struct registry *registry, struct error *err)
{
    if (read_named(cli, "ca-file", &registry->ca_pem, err) < 0 ||
        read_named(cli, "client-cert", &registry->cert_pem, err) < 0 ||
        read_named(cli, "client-key", &registry->key_pem, err) < 0)
        return -1;
    if ((registry->cert_pem == NULL) != (registry->key_pem == NULL))
        return error_set(err, ERROR_INVALID,
                         "a client certificate needs both --client-cert and --client-key");
    return 0;
}

int registry_read_mirrors(const struct cli *cli, struct vec *mirrors, struct error *err)
{
    cleanup_vec struct vec texts = VEC_OF(const char *, NULL);
    cli_list(cli, "registry-mirror", &texts);
    vec_foreach (const char *, text, &texts) {
        struct oci_mirror mirror;
        if (oci_mirror_parse(*text, &mirror, err) < 0)
            return error_wrap(err, "--registry-mirror");
        *(struct oci_mirror *)vec_push(mirrors) = mirror;
    }
    return 0;
}

static void on_warning(void *arg, const char *host, const char *text)
{
    tell_warning(arg, "registry %s warns: %s", host, text);
}

// One for all handles of a command: nothing is told twice.
static struct oci_warnings *warnings_of(const struct cli *cli)
{
    // tell_warning reads it.
    union {
        const struct cli *cli;
        void *arg;
    } listener = {.cli = cli};
    if (cli->found->warnings == NULL)
        cli->found->warnings = oci_warnings_new(on_warning, listener.arg);
    return cli->found->warnings;
}

int registry_open(const struct cli *cli, const char *text, enum registry_use use,
                  struct registry *ret_registry, struct error *err)
{
    cleanup_registry struct registry registry = {0};
    if (limits_read(cli, &registry.limits, err) < 0 ||
        oci_reference_parse(text, &registry.reference, err) < 0)
        return -1;
    size_t chunk_bytes = 0;
    registry.mirrors = OCI_MIRRORS;
    if (read_tls(cli, &registry, err) < 0 ||
        registry_read_mirrors(cli, &registry.mirrors, err) < 0 ||
        limit_read(cli, "chunk-bytes", DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES, &chunk_bytes, err) < 0)
        return -1;
    registry.docker_config = registry_login(cli);
    const struct oci_access access = {
        .identity = cli_string(cli, "identity"),
        .docker_config = registry.docker_config,
        .run_helpers = true,
        .cloud_login = cli_flag(cli, "cloud-login"),
        .tls = {.ca_pem = registry.ca_pem,
                .cert_pem = registry.cert_pem,
                .key_pem = registry.key_pem},
        .insecure = cli_flag(cli, "insecure"),
        .mirrors = &ret_registry->mirrors,
        .push = use == REGISTRY_PUSH,
        .warnings = warnings_of(cli),
        .chunk_bytes = chunk_bytes,
        .deadline_mono_ms = clock_mono_ms(clock_system()) + cli->timeout_ms,
    };
    // The handle borrows from where these will stay.
    *ret_registry = registry;
    registry = (struct registry){0};
    if (oci_repository_open(&ret_registry->reference, &access, &ret_registry->repository, err) == 0)
        return 0;
    registry_release(ret_registry);
    return -1;
}

void registry_release(struct registry *registry)
{
    oci_repository_close(registry->repository);
    oci_reference_release(&registry->reference);
    secret_free(registry->docker_config);
    vec_free(&registry->mirrors);
    free(registry->ca_pem);
    free(registry->cert_pem);
    secret_free(registry->key_pem);
    *registry = (struct registry){0};
}

int registry_resolve(struct registry *registry, struct oci_descriptor *ret_descriptor,
                     struct error *err)
{
    const struct oci_reference *reference = &registry->reference;
    const char *wanted = reference->digest != NULL ? reference->digest : reference->tag;
    if (wanted == NULL)
        return error_set(err, ERROR_INVALID,
                         "which artifact? put :TAG or @sha256:DIGEST behind the repository");
    return oci_resolve_named(registry->repository, wanted, ret_descriptor, err);
}

int registry_see(struct registry *registry, struct oci_descriptor *ret_descriptor,
                 struct oci_manifest *ret_manifest, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor told = {0};
    cleanup_free char *bytes = NULL;
    size_t size = 0;
    if (registry_resolve(registry, &told, err) < 0 ||
        oci_get_manifest(registry->repository, told.digest.text, &bytes, &size, ret_manifest, err) <
            0)
        return -1;
    *ret_descriptor = oci_descriptor_of(ret_manifest->media_type, bytes, size);
    return 0;
}
