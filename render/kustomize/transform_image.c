// The image transformer (filters/imagetag, internal/image): every list called containers or
// initContainers, wherever it stands, then the fields that are specified.
#include <stdlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/jval.h"
#include "base/memory.h"
#include "base/yamljson_written.h"
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

static char *rewritten(const char *text, const json_t *image)
{
    __attribute__((cleanup(reference_release))) struct reference now = split(text);
    const char *name = jval_string_or(image, "newName", "");
    const char *new_tag = jval_string_or(image, "newTag", "");
    const char *new_digest = jval_string_or(image, "digest", "");
    const char *suffix = jval_string_or(image, "tagSuffix", "");
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
    const json_t *image = arg;
    const json_t *value = slot_get(slot);
    (void)resource;
    if (json_is_object(value) || json_is_array(value))
        return error_set(err, ERROR_INVALID, "an image is text, not %s",
                         json_is_object(value) ? "a mapping" : "a list");
    struct yamljson_written written;
    yamljson_written_of(value, &written);
    if (!is_of_name(written.text, jval_string_or(image, "name", "")))
        return 0;
    cleanup_free char *changed = rewritten(written.text, image);
    slot_set(slot, yamljson_written_put(value, changed, YAMLJSON_TAG_NONE));
    return 0;
}

static int change_containers(const json_t *image, json_t *list, struct error *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct slot slot = {.parent = json_array_get(list, i), .key = "image"};
        if (json_is_object(slot.parent) && slot_get(&slot) != NULL &&
            put(jval_unconst(image), NULL, &slot, err) < 0)
            return -1;
    }
    return 0;
}

// Recursion is bounded by the depth that the reader allows.
static int walk(const json_t *image, const json_t *value, struct error *err)
{
    const char *key = NULL;
    json_t *member = NULL;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (walk(image, json_array_get(value, i), err) < 0)
            return -1;
    if (!json_is_object(value))
        return 0;
    jval_foreach (value, key, member) {
        if ((json_is_object(member) || json_is_array(member)) && walk(image, member, err) < 0)
            return -1;
        if ((strcmp(key, "containers") == 0 || strcmp(key, "initContainers") == 0) &&
            json_is_array(member) && change_containers(image, member, err) < 0)
            return error_wrap(err, "%s", key);
    }
    return 0;
}

int transform_image(const json_t *image, const struct vec *specs, struct resmap *map,
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
        if (fieldspec_walk_all(specs, resource, CREATE_NOTHING, put, jval_unconst(image), err) < 0)
            return -1;
    }
    return 0;
}
