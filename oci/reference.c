#include "oci/reference.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCE_FORM "write registry.example.com/acme/shop[:tag][@sha256:…] or oci-layout:///path"

enum {
    MAX_REFERENCE = 4096,
    MAX_NAME = 255, // host, '/' and repository; distribution-spec, "Pulling manifests"
    MAX_TAG = 128,
};

static const char hub_host[] = "index.docker.io";

static bool is_lower_or_digit(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
}

bool oci_tag_is_valid(const char *tag)
{
    if (!isalnum((unsigned char)tag[0]) && tag[0] != '_')
        return false;
    size_t length = 0;
    while (isalnum((unsigned char)tag[length]) ||
           (tag[length] != '\0' && strchr("._-", tag[length]) != NULL))
        length++;
    return tag[length] == '\0' && length <= MAX_TAG;
}

bool oci_tag_is_derived(const char *tag)
{
    static const char prefix[] = "sha256-";
    if (strncmp(tag, prefix, sizeof prefix - 1) != 0)
        return false;
    tag += sizeof prefix - 1;
    if (strspn(tag, "0123456789abcdef") != 64)
        return false;
    tag += 64;
    return *tag == '\0' || strcmp(tag, ".sig") == 0 || strcmp(tag, ".att") == 0 ||
           strcmp(tag, ".sbom") == 0;
}

char *oci_derived_tag(const char *digest, const char *suffix)
{
    return xasprintf("sha256-%s%s", digest_hex(digest), suffix);
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*, segments parted by '/'.
static bool repository_is_valid(const char *name)
{
    for (;;) {
        size_t run = 0;
        while (is_lower_or_digit(name[run]))
            run++;
        if (run == 0)
            return false;
        name += run;
        if (*name == '\0')
            return true;
        if (*name == '/' || *name == '.')
            name++;
        else if (*name == '-')
            name += strspn(name, "-");
        else if (*name == '_')
            name += name[1] == '_' ? 2 : 1;
        else
            return false;
    }
}

static bool port_is_valid(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0')
        return false;
    long number = strtol(port, NULL, 10);
    return number > 0 && number <= 65535;
}

static bool host_is_valid(const char *host)
{
    size_t length;
    if (host[0] == '[') {
        length = 1 + strspn(host + 1, "0123456789abcdef:.");
        if (length < 4 || host[length] != ']')
            return false;
        length++;
    } else {
        length = 0;
        while (is_lower_or_digit(host[length]) || host[length] == '.' || host[length] == '-')
            length++;
        if (length == 0 || host[0] == '.' || host[0] == '-' || host[length - 1] == '.')
            return false;
    }
    return host[length] == '\0' || (host[length] == ':' && port_is_valid(host + length + 1));
}

static bool is_hub(const char *host)
{
    static const char *const names[] = {"docker.io", hub_host, "registry-1.docker.io",
                                        "registry.hub.docker.com"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(host, names[i]) == 0)
            return true;
    return false;
}

// Cuts "@digest" and ":tag" from the end of rest.
static int take_tag_and_digest(const char *text, char *rest, struct oci_reference *reference,
                               struct error *err)
{
    char *at = strrchr(rest, '@');
    if (at != NULL) {
        *at = '\0';
        if (!digest_is_valid(at + 1))
            return error_set(err, ERROR_INVALID,
                             "%s: %s is no digest; a digest is sha256: and 64 hex digits in lower "
                             "case",
                             text, at + 1);
        reference->digest = xstrdup(at + 1);
    }
    char *slash = strrchr(rest, '/');
    char *colon = slash != NULL ? strrchr(slash, ':') : NULL;
    if (colon == NULL)
        return 0;
    *colon = '\0';
    if (!oci_tag_is_valid(colon + 1))
        return error_set(err, ERROR_INVALID,
                         "%s: \"%s\" is no tag; a tag is at most 128 of a-z A-Z 0-9 . _ - and does "
                         "not start with . or -",
                         text, colon + 1);
    reference->tag = xstrdup(colon + 1);
    return 0;
}

static int parse_layout(const char *text, char *rest, struct oci_reference *reference,
                        struct error *err)
{
    reference->kind = OCI_LAYOUT;
    if (rest[0] != '/')
        return error_set(err, ERROR_INVALID,
                         "%s: the path of a layout is absolute; write oci-layout:///path", text);
    if (take_tag_and_digest(text, rest, reference, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, MAX_REFERENCE);
    for (char *cursor = rest; *cursor != '\0';) {
        cursor += strspn(cursor, "/");
        size_t length = strcspn(cursor, "/");
        if ((length == 1 && cursor[0] == '.') ||
            (length == 2 && cursor[0] == '.' && cursor[1] == '.'))
            return error_set(err, ERROR_INVALID, "%s: write the path without \".\" and \"..\"",
                             text);
        if (length > 0)
            strbuf_addf(&path, "/%.*s", (int)length, cursor);
        cursor += length;
    }
    if (path.len == 0)
        return error_set(err, ERROR_INVALID, "%s: the layout needs a folder of its own", text);
    // "a:b/" would otherwise be written as "a:b", which reads as a tag.
    if (strchr(strrchr(path.data, '/'), ':') != NULL)
        return error_set(err, ERROR_INVALID, "%s: the name of the folder holds a colon", text);
    reference->layout_path = strbuf_steal(&path);
    return 0;
}

static int check_name(const char *text, const char *name, struct error *err)
{
    for (const char *cursor = name; *cursor != '\0'; cursor++)
        if (isupper((unsigned char)*cursor))
            return error_set(err, ERROR_INVALID,
                             "%s: repository names are in lower case; write it so", text);
    if (!repository_is_valid(name))
        return error_set(err, ERROR_INVALID,
                         "%s: \"%s\" is no repository name (a-z 0-9, parted by one . _ __ or "
                         "dashes); " REFERENCE_FORM,
                         text, name);
    return 0;
}

static int parse_registry(const char *text, char *rest, bool has_scheme,
                          struct oci_reference *reference, struct error *err)
{
    char *slash = strchr(rest, '/');
    char *at = strchr(rest, '@');
    if (at != NULL && slash != NULL && at < slash)
        return error_set(err, ERROR_INVALID,
                         "a reference holds no credentials; put them into the registry Secret");
    if (slash == NULL)
        return error_set(err, ERROR_INVALID,
                         "%s: names no registry and repository; " REFERENCE_FORM, text);
    if (take_tag_and_digest(text, rest, reference, err) < 0)
        return -1;
    *slash = '\0';
    char *host = rest;
    const char *name = slash + 1;
    // Without a scheme "acme/shop" could be a name at docker.io or a path; neither is guessed.
    if (!has_scheme && strpbrk(host, ".:") == NULL && strcasecmp(host, "localhost") != 0)
        return error_set(err, ERROR_INVALID, "%s: names no registry; " REFERENCE_FORM, text);
    for (char *cursor = host; *cursor != '\0'; cursor++)
        *cursor = (char)tolower((unsigned char)*cursor);
    if (!host_is_valid(host))
        return error_set(err, ERROR_INVALID, "%s: \"%s\" is no host[:port]; " REFERENCE_FORM, text,
                         host);
    if (check_name(text, name, err) < 0)
        return -1;
    reference->kind = OCI_REGISTRY;
    bool hub = is_hub(host);
    reference->host = xstrdup(hub ? hub_host : host);
    reference->repository =
        hub && strchr(name, '/') == NULL ? xasprintf("library/%s", name) : xstrdup(name);
    // As it is written from here on: docker.io has a longer name than people give it.
    if (strlen(reference->host) + 1 + strlen(reference->repository) > MAX_NAME)
        return error_set(err, ERROR_INVALID, "%s: host and name are longer than 255 bytes", text);
    return 0;
}

int oci_reference_parse(const char *text, struct oci_reference *ret_reference, struct error *err)
{
    if (strlen(text) > MAX_REFERENCE)
        return error_set(err, ERROR_INVALID, "the reference is longer than %d bytes",
                         MAX_REFERENCE);
    for (const char *cursor = text; *cursor != '\0'; cursor++)
        if ((unsigned char)*cursor <= ' ' || *cursor == 0x7f)
            return error_set(err, ERROR_INVALID,
                             "the reference holds white space; " REFERENCE_FORM);
    cleanup_oci_reference struct oci_reference reference = {0};
    static const char registry_scheme[] = "oci://", layout_scheme[] = "oci-layout:/";
    int result;
    if (strncmp(text, layout_scheme, sizeof layout_scheme - 1) == 0) {
        // An identity, as messages and policies have it, has the one slash that starts its path.
        const char *path = text + sizeof layout_scheme - 2;
        cleanup_free char *rest = xstrdup(path + (path[1] == '/' ? 2 : 0));
        result = parse_layout(text, rest, &reference, err);
    } else {
        bool has_scheme = strncmp(text, registry_scheme, sizeof registry_scheme - 1) == 0;
        if (!has_scheme && strstr(text, "://") != NULL)
            return error_set(err, ERROR_INVALID, "%s: the scheme is oci:// or oci-layout://", text);
        cleanup_free char *rest = xstrdup(text + (has_scheme ? sizeof registry_scheme - 1 : 0));
        result = parse_registry(text, rest, has_scheme, &reference, err);
    }
    if (result < 0)
        return -1;
    *ret_reference = reference;
    reference = (struct oci_reference){0};
    return 0;
}

void oci_reference_release(struct oci_reference *reference)
{
    free(reference->host);
    free(reference->repository);
    free(reference->layout_path);
    free(reference->tag);
    free(reference->digest);
    *reference = (struct oci_reference){0};
}

struct oci_reference oci_reference_copy(const struct oci_reference *reference)
{
    return (struct oci_reference){
        .kind = reference->kind,
        .host = xstrdup_or_null(reference->host),
        .repository = xstrdup_or_null(reference->repository),
        .layout_path = xstrdup_or_null(reference->layout_path),
        .tag = xstrdup_or_null(reference->tag),
        .digest = xstrdup_or_null(reference->digest),
    };
}

// Links resolved as far as the path exists; what is still to be made has none.
static char *real_path(const char *path)
{
    cleanup_free char *head = xstrdup(path);
    for (;;) {
        char resolved[PATH_MAX];
        const char *rest = path + strlen(head);
        if (realpath(head[0] != '\0' ? head : "/", resolved) != NULL)
            return xasprintf("%s%s", strcmp(resolved, "/") == 0 ? "" : resolved, rest);
        char *slash = strrchr(head, '/');
        if (slash == NULL || head[0] == '\0')
            return xstrdup(path);
        *slash = '\0';
    }
}

char *oci_reference_identity(const struct oci_reference *reference)
{
    if (reference->kind == OCI_REGISTRY)
        return xasprintf("%s/%s", reference->host, reference->repository);
    cleanup_free char *path = real_path(reference->layout_path);
    return xasprintf("oci-layout:%s", path);
}

char *oci_reference_repository(const struct oci_reference *reference)
{
    if (reference->kind == OCI_REGISTRY)
        return xasprintf("oci://%s/%s", reference->host, reference->repository);
    return xasprintf("oci-layout://%s", reference->layout_path);
}

char *oci_reference_format(const struct oci_reference *reference)
{
    cleanup_free char *repository = oci_reference_repository(reference);
    return xasprintf("%s%s%s%s%s", repository, reference->tag != NULL ? ":" : "",
                     reference->tag != NULL ? reference->tag : "",
                     reference->digest != NULL ? "@" : "",
                     reference->digest != NULL ? reference->digest : "");
}
