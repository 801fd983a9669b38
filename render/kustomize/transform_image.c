// The image transformer (filters/imagetag, internal/image): every list called containers or
// initContainers, wherever it stands, then the fields that are specified. The places of an object
// are looked up once for all entries, as none of them changes what stands where.
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/regexp.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/transform.h"

// A tag or a digest's value as kustomize knows them; braces come from Bazel's rules.
static size_t tag_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.{}-");
}

// Whether image is `name`, a tag and a digest, the latter two optional. A dot in the name stands
// for any character.
static bool is_of_name(const char *image, const char *name)
{
    for (; *name != '\0'; name++, image++)
        if (*image == '\0' || (*name != *image && *name != '.'))
            return false;
    if (*image == ':')
        image += 1 + tag_length(image + 1);
    if (strncmp(image, "@sha256:", 8) == 0)
        image += 8 + tag_length(image + 8);
    return *image == '\0';
}

// An entry of `images`.
struct rule {
    const struct value *image; // borrowed
    const char *name;          // borrowed
    struct regexp *regexp;     // owned; NULL where is_of_name() does
};

static void rule_release(void *element)
{
    regexp_free(((struct rule *)element)->regexp);
}

// kustomize puts the name into a regular expression as it is. Where that is none it crashes, and
// here the name stands for itself.
static void rule_open(struct rule *rule, const struct value *image)
{
    *rule = (struct rule){.image = image, .name = value_text_or(image, "name", "")};
    if (strpbrk(rule->name, "\\^$|?*+()[]{}") == NULL)
        return;
    // In a group of its own, as a name may begin with "*".
    cleanup_free char *pattern =
        xasprintf("(?:^)%s(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$", rule->name);
    if (regexp_compile(pattern, REGEXP_ANYWHERE, &rule->regexp, NULL) < 0)
        rule->regexp = NULL;
}

static int rule_matches(const struct rule *rule, const char *image, bool *ret_matches,
                        struct error *err)
{
    if (rule->regexp != NULL)
        return regexp_match(rule->regexp, image, ret_matches, err);
    *ret_matches = is_of_name(image, rule->name);
    return 0;
}

struct reference {
    char *name;
    char *tag;    // "" when there is none
    char *digest; // with "sha256:", "" when there is none
};

static void reference_release(struct reference *reference)
{
    free(reference->name);
    free(reference->tag);
    free(reference->digest);
}

// A ':' before the first '/' belongs to a port.
static struct reference split(const char *image)
{
    const char *slash = strchr(image, '/');
    const char *search = slash != NULL && slash != image ? slash : image;
    const char *at = strchr(search, '@');
    const char *colon = strchr(search, ':');
    if (colon != NULL && at != NULL && at < colon)
        colon = NULL;
    const char *name_end = colon != NULL ? colon : at != NULL ? at : image + strlen(image);
    const char *tag = colon != NULL ? colon + 1 : name_end;
    size_t tag_bytes = colon == NULL ? 0 : at != NULL ? (size_t)(at - tag) : strlen(tag);
    return (struct reference){
        .name = xstrndup(image, (size_t)(name_end - image)),
        .tag = xstrndup(tag, tag_bytes),
        .digest = xstrdup(at != NULL ? at + 1 : ""),
    };
}

static char *rewritten(const char *text, const struct value *image)
{
    __attribute__((cleanup(reference_release))) struct reference now = split(text);
    const char *name = value_text_or(image, "newName", "");
    const char *new_tag = value_text_or(image, "newTag", "");
    const char *new_digest = value_text_or(image, "digest", "");
    const char *suffix = value_text_or(image, "tagSuffix", "");
    bool replaced = *new_tag != '\0' || *new_digest != '\0';
    const char *tag = replaced ? new_tag : now.tag;
    const char *digest = replaced ? new_digest : *suffix != '\0' ? "" : now.digest;
    if (replaced)
        suffix = "";
    bool has_tag = *tag != '\0' || *suffix != '\0';
    return xasprintf("%s%s%s%s%s%s", *name != '\0' ? name : now.name, has_tag ? ":" : "", tag,
                     suffix, *digest != '\0' ? "@" : "", digest);
}

// Where an image stands.
struct place {
    struct value *parent; // owned reference; an object or array
    char *key;            // owned; in an object, else NULL
    size_t index;         // in an array
};
#define PLACES VEC_OF(struct place, place_release)

static void place_release(void *element)
{
    struct place *place = element;
    value_decref(place->parent);
    free(place->key);
}

static int note_place(void *arg, struct resource *resource, const struct slot *slot,
                      struct error *err)
{
    struct vec *places = arg;
    const struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value) || value_is_array(value))
        return error_set(err, ERROR_INVALID, "an image is text, not %s",
                         value_is_object(value) ? "a mapping" : "a list");
    *(struct place *)vec_push(places) = (struct place){
        value_incref(slot->parent), slot->key != NULL ? xstrdup(slot->key) : NULL, slot->index};
    return 0;
}

static int note_containers(struct value *list, struct vec *places, struct error *err)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct slot slot = {.parent = value_array_get(list, i), .key = "image"};
        if (value_is_object(slot.parent) && slot_get(&slot) != NULL &&
            note_place(places, NULL, &slot, err) < 0)
            return -1;
    }
    return 0;
}

// Recursion is bounded by the depth that the reader allows.
static int note_all(const struct value *value, struct vec *places, struct error *err)
{
    const char *key = NULL;
    struct value *member = NULL;
    for (size_t i = 0; i < value_array_size(value); i++)
        if (note_all(value_array_get(value, i), places, err) < 0)
            return -1;
    if (!value_is_object(value))
        return 0;
    value_foreach (value, key, member) {
        if ((value_is_object(member) || value_is_array(member)) &&
            note_all(member, places, err) < 0)
            return -1;
        if (value_is_array(member) &&
            (strcmp(key, "containers") == 0 || strcmp(key, "initContainers") == 0) &&
            note_containers(member, places, err) < 0)
            return error_wrap(err, "%s", key);
    }
    return 0;
}

static int put(const struct place *place, const struct rule *rule, struct error *err)
{
    const struct slot slot = {place->parent, place->key, place->index};
    const struct value *value = slot_get(&slot);
    struct yamlvalue_written written;
    bool matches = false;
    yamlvalue_written_of(value, &written);
    if (rule_matches(rule, written.text, &matches, err) < 0)
        return -1;
    if (!matches)
        return 0;
    cleanup_free char *changed = rewritten(written.text, rule->image);
    slot_set(&slot, yamlvalue_written_put(value, changed, YAMLVALUE_TAG_NONE));
    return 0;
}

static int change(struct resource *resource, const struct vec *rules, const struct vec *specs,
                  struct error *err)
{
    cleanup_vec struct vec places = PLACES;
    if (note_all(resource->value, &places, err) < 0) {
        cleanup_free char *name = resource_id_describe(resource_current_id(resource));
        return error_wrap(err, "%s", name);
    }
    if (fieldspec_walk_all(specs, resource, CREATE_NOTHING, note_place, &places, err) < 0)
        return -1;
    vec_foreach (const struct rule, rule, rules)
        vec_foreach (const struct place, place, &places)
            if (put(place, rule, err) < 0)
                return -1;
    return 0;
}

int transform_images(const struct vec *entries, const struct vec *specs, struct resmap *map,
                     struct error *err)
{
    cleanup_vec struct vec rules = VEC_OF(struct rule, rule_release);
    vec_foreach (const struct value *, image, entries)
        rule_open(vec_push(&rules), *image);
    // A definition describes containers, it has none.
    resmap_foreach (resource, map)
        if (strcmp(resource_kind(resource), "CustomResourceDefinition") != 0 &&
            change(resource, &rules, specs, err) < 0)
            return -1;
    return 0;
}
