#include "render/kustomize/selector.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/regexp.h"
#include "base/value.h"
#include "render/kustomize/label_selector.h"

struct selector {
    struct regexp *group; // NULL matches anything
    struct regexp *version;
    struct regexp *kind;
    struct regexp *name;
    struct regexp *ns;
    char *label_text; // "" where none is given
    char *annotation_text;
    bool labels_read; // what the texts say is below
    bool annotations_read;
    struct label_selector labels;
    struct label_selector annotations;
};

void selector_free(struct selector *selector)
{
    if (selector == NULL)
        return;
    regexp_free(selector->group);
    regexp_free(selector->version);
    regexp_free(selector->kind);
    regexp_free(selector->name);
    regexp_free(selector->ns);
    free(selector->label_text);
    free(selector->annotation_text);
    label_selector_release(&selector->labels);
    label_selector_release(&selector->annotations);
    free(selector);
}

void cleanup_selector_pointer(struct selector **selector)
{
    selector_free(*selector);
    *selector = NULL;
}

int selector_new(const struct value *config, struct selector **ret_selector, struct error *err)
{
    cleanup_selector struct selector *selector = xcalloc(1, sizeof *selector);
    const struct {
        const char *field;
        struct regexp **regexp;
    } parts[] = {
        {"group", &selector->group}, {"version", &selector->version}, {"kind", &selector->kind},
        {"name", &selector->name},   {"namespace", &selector->ns},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        const char *pattern = value_text_or(config, parts[i].field, "");
        if (*pattern != '\0' && regexp_compile(pattern, REGEXP_WHOLE, parts[i].regexp, err) < 0)
            return error_wrap(err, "%s", parts[i].field);
    }
    selector->label_text = xstrdup(value_text_or(config, "labelSelector", ""));
    selector->annotation_text = xstrdup(value_text_or(config, "annotationSelector", ""));
    *ret_selector = STEAL(selector);
    return 0;
}

static int read_labels(struct selector *selector, struct error *err)
{
    if (!selector->labels_read &&
        label_selector_parse(selector->label_text, &selector->labels, err) < 0)
        return error_wrap(err, "labelSelector");
    selector->labels_read = true;
    return 0;
}

static int read_annotations(struct selector *selector, struct error *err)
{
    if (!selector->annotations_read &&
        label_selector_parse(selector->annotation_text, &selector->annotations, err) < 0)
        return error_wrap(err, "annotationSelector");
    selector->annotations_read = true;
    return 0;
}

int selector_read_labels(struct selector *selector, struct error *err)
{
    return read_labels(selector, err) < 0 ? -1 : read_annotations(selector, err);
}

static int matches(const struct regexp *regexp, const char *text, bool *ret_matches,
                   struct error *err)
{
    *ret_matches = true;
    return regexp == NULL ? 0 : regexp_match(regexp, text, ret_matches, err);
}

static int matches_kind(const struct selector *selector, struct resource_id id, bool *ret_matches,
                        struct error *err)
{
    if (matches(selector->kind, id.kind, ret_matches, err) < 0)
        return -1;
    if (!*ret_matches)
        return 0;
    if (matches(selector->version, api_version_version(id.api_version), ret_matches, err) < 0)
        return -1;
    if (!*ret_matches || selector->group == NULL)
        return 0;
    cleanup_free char *group = xstrndup(id.api_version, api_version_group_length(id.api_version));
    return matches(selector->group, group, ret_matches, err);
}

int selector_matches_id(const struct selector *selector, struct resource_id id, bool *ret_matches,
                        struct error *err)
{
    if (matches_kind(selector, id, ret_matches, err) < 0)
        return -1;
    if (!*ret_matches)
        return 0;
    if (matches(selector->name, id.name, ret_matches, err) < 0)
        return -1;
    if (!*ret_matches)
        return 0;
    return matches(selector->ns, id.ns, ret_matches, err);
}

bool selector_matches_labels(const struct selector *selector, const struct resource *resource)
{
    return !selector_has_labels(selector) ||
           (label_selector_matches(&selector->labels, resource_labels(resource)) &&
            label_selector_matches(&selector->annotations, resource_annotations(resource)));
}

bool selector_has_labels(const struct selector *selector)
{
    return *selector->label_text != '\0' || *selector->annotation_text != '\0';
}

// Either of two texts.
static int matches_either(const struct regexp *regexp, const char *first, const char *second,
                          bool *ret_matches, struct error *err)
{
    if (matches(regexp, first, ret_matches, err) < 0)
        return -1;
    return *ret_matches ? 0 : matches(regexp, second, ret_matches, err);
}

// kustomize reads a selector for labels where it has an object to hold against it, one for
// annotations where the labels are right: what is wrong in it shows only then.
static int has_selected_labels(struct selector *selector, const struct resource *resource,
                               bool *ret_matches, struct error *err)
{
    *ret_matches = true;
    if (!selector_has_labels(selector))
        return 0;
    if (read_labels(selector, err) < 0)
        return -1;
    *ret_matches = label_selector_matches(&selector->labels, resource_labels(resource));
    if (!*ret_matches)
        return 0;
    if (read_annotations(selector, err) < 0)
        return -1;
    *ret_matches = label_selector_matches(&selector->annotations, resource_annotations(resource));
    return 0;
}

static int selects(struct selector *selector, const struct resource *resource, bool *ret_matches,
                   struct error *err)
{
    struct resource_id current = resource_current_id(resource);
    struct resource_id original = resource_original_id(resource);
    if (matches_kind(selector, current, ret_matches, err) < 0)
        return -1;
    if (!*ret_matches)
        return 0;
    if (matches_either(selector->name, original.name, current.name, ret_matches, err) < 0)
        return -1;
    if (!*ret_matches)
        return 0;
    if (selector->ns != NULL &&
        matches_either(selector->ns, resource_id_effective_namespace(original),
                       resource_id_effective_namespace(current), ret_matches, err) < 0)
        return -1;
    return *ret_matches ? has_selected_labels(selector, resource, ret_matches, err) : 0;
}

int selector_select(struct selector *selector, const struct resmap *map, struct vec *found,
                    struct error *err)
{
    resmap_foreach (resource, map) {
        bool selected = false;
        if (selects(selector, resource, &selected, err) < 0)
            return -1;
        if (selected)
            *(struct resource **)vec_push(found) = resource;
    }
    return 0;
}
