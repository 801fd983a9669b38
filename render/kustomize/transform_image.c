// The image transformer (filters/imagetag, internal/image): every list called containers or
// initContainers, wherever it stands, then the fields that are specified.
#include <stdlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/transform.h"

// A tag or a digest's value as kustomize knows them; braces come from Bazel's rules.
static size_t tag_length(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.{}-");
}

// Whether image is `name`, a tag and a digest, the latter two optional. kustomize puts the name
// into a regular expression as it is, so a dot in it stands for any character.
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

static int put(void *arg, struct resource *resource, const struct slot *slot, struct error *err)
{
    const struct value *image = arg;
    const struct value *value = slot_get(slot);
    (void)resource;
    if (value_is_object(value) || value_is_array(value))
        return error_set(err, ERROR_INVALID, "an image is text, not %s",
                         value_is_object(value) ? "a mapping" : "a list");
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    if (!is_of_name(written.text, value_text_or(image, "name", "")))
        return 0;
    cleanup_free char *changed = rewritten(written.text, image);
    slot_set(slot, yamlvalue_written_put(value, changed, YAMLVALUE_TAG_NONE));
    return 0;
}

static int change_containers(const struct value *image, struct value *list, struct error *err)
{
    for (size_t i = 0; i < value_array_size(list); i++) {
        struct slot slot = {.parent = value_array_get(list, i), .key = "image"};
        if (value_is_object(slot.parent) && slot_get(&slot) != NULL &&
            put(value_unconst(image), NULL, &slot, err) < 0)
            return -1;
    }
    return 0;
}

// Recursion is bounded by the depth that the reader allows.
static int walk(const struct value *image, const struct value *value, struct error *err)
{
    const char *key = NULL;
    struct value *member = NULL;
    for (size_t i = 0; i < value_array_size(value); i++)
        if (walk(image, value_array_get(value, i), err) < 0)
            return -1;
    if (!value_is_object(value))
        return 0;
    value_foreach (value, key, member) {
        if ((value_is_object(member) || value_is_array(member)) && walk(image, member, err) < 0)
            return -1;
        if ((strcmp(key, "containers") == 0 || strcmp(key, "initContainers") == 0) &&
            value_is_array(member) && change_containers(image, member, err) < 0)
            return error_wrap(err, "%s", key);
    }
    return 0;
}

int transform_image(const struct value *image, const struct vec *specs, struct resmap *map,
                    struct error *err)
{
    // A definition describes containers, it has none.
    resmap_foreach (resource, map) {
        if (strcmp(resource_kind(resource), "CustomResourceDefinition") == 0)
            continue;
        if (walk(image, resource->value, err) < 0) {
            cleanup_free char *name = resource_id_describe(resource_current_id(resource));
            return error_wrap(err, "%s", name);
        }
    }
    resmap_foreach (resource, map) {
        if (strcmp(resource_kind(resource), "CustomResourceDefinition") == 0)
            continue;
        if (fieldspec_walk_all(specs, resource, CREATE_NOTHING, put, value_unconst(image), err) < 0)
            return -1;
    }
    return 0;
}
