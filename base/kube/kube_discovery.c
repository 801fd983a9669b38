#include "base/kube/kube_discovery.h"

#include "base/jval.h"
#include "base/kube/kube_discovery_internal.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void kind_release(void *element)
{
    struct kube_kind *kind = element;
    free(kind->group);
    free(kind->version);
    free(kind->kind);
    free(kind->plural);
    free(kind->singular);
    if (kind->short_names.element_size > 0)
        vec_free(&kind->short_names);
}

struct kube_discovery *kube_discovery_new(void)
{
    struct kube_discovery *discovery = xcalloc(1, sizeof *discovery);
    discovery->references = 1;
    discovery->kinds = VEC_OF(struct kube_kind, kind_release);
    discovery->stale_groups = VEC_OF(char *, vec_release_string);
    return discovery;
}

struct kube_discovery *kube_discovery_ref(const struct kube_discovery *discovery)
{
    struct kube_discovery *same;
    memcpy(&same, &discovery, sizeof same);
    __atomic_add_fetch(&same->references, 1, __ATOMIC_RELAXED);
    return same;
}

void kube_discovery_unref(struct kube_discovery *discovery)
{
    if (discovery == NULL || __atomic_sub_fetch(&discovery->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    vec_free(&discovery->kinds);
    vec_free(&discovery->stale_groups);
    free(discovery->etags[0]);
    free(discovery->etags[1]);
    free(discovery);
}

void cleanup_kube_discovery_pointer(struct kube_discovery **discovery)
{
    kube_discovery_unref(*discovery);
}

static void copy_kind(struct kube_discovery *discovery, const struct kube_kind *from, bool stale)
{
    struct kube_kind *kind = vec_push(&discovery->kinds);
    *kind = *from;
    kind->group = xstrdup(from->group);
    kind->version = xstrdup(from->version);
    kind->kind = xstrdup(from->kind);
    kind->plural = xstrdup(from->plural);
    kind->singular = xstrdup_or_null(from->singular);
    kind->short_names = VEC_OF(char *, vec_release_string);
    vec_foreach (char *, name, &from->short_names)
        vec_push_string(&kind->short_names, *name);
    kind->stale = from->stale || stale;
}

void kube_discovery_keep_stale(struct kube_discovery *discovery,
                               const struct kube_discovery *previous, const char *group,
                               const char *version)
{
    if (!kube_discovery_is_stale(discovery, group))
        vec_push_string(&discovery->stale_groups, group);
    if (previous == NULL)
        return;
    vec_foreach (struct kube_kind, kind, &previous->kinds) {
        if (strcmp(kind->group, group) == 0 &&
            (version == NULL || strcmp(kind->version, version) == 0))
            copy_kind(discovery, kind, true);
    }
}

void kube_discovery_keep_half(struct kube_discovery *discovery,
                              const struct kube_discovery *previous, bool core)
{
    vec_foreach (struct kube_kind, kind, &previous->kinds) {
        if ((*kind->group == '\0') == core)
            copy_kind(discovery, kind, false);
    }
    vec_foreach (char *, group, &previous->stale_groups) {
        if ((**group == '\0') == core)
            vec_push_string(&discovery->stale_groups, *group);
    }
}

static bool is_any(const char *text)
{
    return text == NULL || *text == '\0';
}

const struct kube_kind *kube_discovery_find(const struct kube_discovery *discovery,
                                            const char *group, const char *version,
                                            const char *kind)
{
    vec_foreach (struct kube_kind, at, &discovery->kinds) {
        if (strcmp(at->kind, kind) == 0 && strcmp(at->group, group != NULL ? group : "") == 0 &&
            (is_any(version) || strcmp(at->version, version) == 0))
            return at;
    }
    return NULL;
}

const struct kube_kind *kube_discovery_find_object(const struct kube_discovery *discovery,
                                                   const char *api_version, const char *kind)
{
    const char *slash = strchr(api_version, '/');
    if (slash == NULL)
        return kube_discovery_find(discovery, "", api_version, kind);
    cleanup_free char *group = xstrndup(api_version, (size_t)(slash - api_version));
    return kube_discovery_find(discovery, group, slash + 1, kind);
}

static bool has_short_name(const struct kube_kind *kind, const char *name)
{
    vec_foreach (char *, short_name, &kind->short_names) {
        if (strcasecmp(*short_name, name) == 0)
            return true;
    }
    return false;
}

// What stands behind the name: nothing, "group", or "version.group".
static bool fits_rest(const struct kube_kind *kind, const char *rest)
{
    size_t length = strlen(kind->version);
    return rest == NULL || strcasecmp(rest, kind->group) == 0 ||
           (strncasecmp(rest, kind->version, length) == 0 &&
            ((rest[length] == '.' && strcasecmp(rest + length + 1, kind->group) == 0) ||
             (rest[length] == '\0' && *kind->group == '\0')));
}

const struct kube_kind *kube_discovery_find_name(const struct kube_discovery *discovery,
                                                 const char *name)
{
    const char *dot = strchr(name, '.');
    cleanup_free char *first = xstrndup(name, dot != NULL ? (size_t)(dot - name) : strlen(name));
    const char *rest = dot != NULL ? dot + 1 : NULL;
    for (int pass = 0; pass < 2; pass++) {
        vec_foreach (struct kube_kind, kind, &discovery->kinds) {
            bool fits = pass == 0 ? strcasecmp(kind->plural, first) == 0 ||
                                        strcasecmp(kind->kind, first) == 0 ||
                                        strcasecmp(kind->singular, first) == 0
                                  : has_short_name(kind, first);
            if (*first != '\0' && fits && fits_rest(kind, rest))
                return kind;
        }
    }
    return NULL;
}

bool kube_discovery_is_whole(const struct kube_discovery *discovery)
{
    return discovery->stale_groups.len == 0;
}

bool kube_discovery_is_stale(const struct kube_discovery *discovery, const char *group)
{
    vec_foreach (char *, stale, &discovery->stale_groups) {
        if (strcmp(*stale, group) == 0)
            return true;
    }
    return false;
}

size_t kube_discovery_count(const struct kube_discovery *discovery)
{
    return discovery->kinds.len;
}

const struct kube_kind *kube_discovery_at(const struct kube_discovery *discovery, size_t index)
{
    return vec_at(&discovery->kinds, index);
}

struct kube_ref kube_kind_ref(const struct kube_kind *kind, const char *namespace_,
                              const char *name)
{
    return (struct kube_ref){.group = kind->group,
                             .version = kind->version,
                             .plural = kind->plural,
                             .namespace_ = kind->namespaced ? namespace_ : NULL,
                             .name = name};
}
