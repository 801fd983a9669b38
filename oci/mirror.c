#include "oci/mirror.h"

#include "base/memory.h"
#include "base/url.h"
#include "oci/repository_internal.h"

#include <stdlib.h>
#include <string.h>

void oci_mirror_release(void *mirror)
{
    struct oci_mirror *this = mirror;
    free(this->host);
    free(this->mirror_host);
    free(this->prefix);
}

static int refuse(const char *text, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID,
                     "mirror \"%.200s\": %s; write HOST=URL, such as "
                     "registry.example.com=https://mirror.example.com/registry",
                     text, why);
}

// What is left of '=' is written as in references, so that docker.io is known by all its names.
static int canonical_host(const char *text, size_t length, char **ret_host, struct error *err)
{
    cleanup_free char *reference_text = xasprintf("oci://%.*s/x/y", (int)length, text);
    cleanup_oci_reference struct oci_reference reference = {0};
    if (length == 0 || memchr(text, '/', length) != NULL ||
        oci_reference_parse(reference_text, &reference, NULL) < 0)
        return refuse(text, "there is no host before the =", err);
    *ret_host = STEAL(reference.host);
    return 0;
}

int oci_mirror_parse(const char *text, struct oci_mirror *ret_mirror, struct error *err)
{
    const char *equals = strchr(text, '=');
    cleanup_url struct url url = {0};
    if (equals == NULL || url_parse(equals + 1, &url, NULL) < 0)
        return refuse(text, "there is no URL behind a =", err);
    bool plain = strcmp(url.scheme, "http") == 0;
    if ((!plain && strcmp(url.scheme, "https") != 0) || url.user != NULL || url.query != NULL)
        return refuse(text, "its URL is not http(s)://HOST[/PATH]", err);
    size_t length = strlen(url.path);
    while (length > 0 && url.path[length - 1] == '/')
        length--;
    cleanup_free char *prefix = length > 1 ? xstrndup(url.path + 1, length - 1) : xstrdup("");
    cleanup_free char *authority =
        url.port == (plain ? 80 : 443) ? xstrdup(url.host) : xasprintf("%s:%d", url.host, url.port);
    // A path that could be no repository is no prefix of one.
    cleanup_free char *probe = xasprintf("oci://%s/%s%sx", authority, prefix, *prefix ? "/" : "");
    cleanup_oci_reference struct oci_reference reference = {0};
    if (oci_reference_parse(probe, &reference, NULL) < 0)
        return refuse(text, "its URL is not http(s)://HOST[/PATH]", err);
    char *host = NULL;
    if (canonical_host(text, (size_t)(equals - text), &host, err) < 0)
        return -1;
    *ret_mirror = (struct oci_mirror){
        .host = host, .mirror_host = STEAL(authority), .prefix = STEAL(prefix), .plain = plain};
    return 0;
}

static int open_mirror(const struct oci_mirror *mirror, const struct oci_reference *reference,
                       const struct oci_access *access, struct oci_repository **ret_repository,
                       struct error *err)
{
    cleanup_oci_reference struct oci_reference there = {
        .kind = OCI_REGISTRY,
        .host = xstrdup(mirror->mirror_host),
        .repository = xasprintf("%s%s%s", mirror->prefix, *mirror->prefix != '\0' ? "/" : "",
                                reference->repository),
    };
    // Neither the login nor the certificates that are for the registry. Whoever runs this process
    // named the mirror, so it may be anywhere.
    const struct oci_access with = {
        .docker_config = access->docker_config,
        .run_helpers = access->run_helpers,
        .cloud_login = access->cloud_login,
        .insecure = mirror->plain,
        .secure = !mirror->plain,
        .proxy = access->proxy,
        .client = access->client,
        .tokens = access->tokens,
        .warnings = access->warnings,
        .cancel = access->cancel,
        .deadline_mono_ms = access->deadline_mono_ms,
    };
    return oci_repository_open_hasty(&there, &with, ret_repository, err);
}

void repository_add_mirrors(struct oci_repository *repository)
{
    const struct oci_access *access = &repository->access;
    if (access->mirrors == NULL || access->push || repository->reference.kind != OCI_REGISTRY)
        return;
    vec_foreach (const struct oci_mirror, mirror, access->mirrors) {
        struct oci_repository *opened = NULL;
        if (strcmp(mirror->host, repository->reference.host) == 0 &&
            open_mirror(mirror, &repository->reference, access, &opened, NULL) == 0)
            *(struct oci_repository **)vec_push(&repository->mirrors) = opened;
    }
}
