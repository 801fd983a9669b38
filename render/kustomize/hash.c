// SHA-256 over a short JSON text of kind and data, as kustomize makes it; its first ten hexadecimal
// digits, with those letters and digits replaced that could spell words.
#include "render/kustomize/hash.h"

#include <string.h>

#include "base/digest.h"
#include "base/gojson.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/value.h"
#include "base/yamlvalue_written.h"
#include "render/kustomize/resmap.h"
#include "render/kustomize/steps.h"

enum { MAX_HASHED_BYTES = 64 << 20 };

// An absent member counts as "", a map as itself, anything else that is no scalar as null. The
// member called name is always absent: kustomize looks for a field "metadata/name".
static void add_member(struct value *content, const struct value *value, const char *name)
{
    struct value *member = value_object_get(value, name);
    if (member == NULL)
        value_object_set_new(content, name, value_string(""));
    else if (value_is_array(member))
        value_object_set_new(content, name, value_null());
    else
        value_object_set(content, name, member);
}

static void add_map(struct value *content, const struct value *value, const char *name)
{
    struct value *member = value_object_get(value, name);
    if (value_is_object(member) || value_is_array(member))
        add_member(content, value, name);
}

int kustomize_hash(const struct value *value, char ret_hash[KUSTOMIZE_HASH_SIZE], struct error *err)
{
    const char *kind = value_text_or(value, "kind", "");
    cleanup_value struct value *content = value_object();
    if (strcmp(kind, "ConfigMap") == 0) {
        add_map(content, value, "binaryData");
    } else if (strcmp(kind, "Secret") == 0) {
        add_map(content, value, "stringData");
        add_member(content, value, "type");
    } else {
        return error_set(err, ERROR_INVALID,
                         "a hash can end the names of ConfigMaps and Secrets only, not of a %s",
                         kind);
    }
    add_member(content, value, "data");
    value_object_set_new(content, "kind", value_string(kind));
    value_object_set_new(content, "name", value_string(""));
    cleanup_value struct value *settled = value_deep_copy(content);
    if (yamlvalue_settle(settled, err) < 0)
        return -1;
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, MAX_HASHED_BYTES);
    cleanup_json json_t *json = value_to_json(settled);
    gojson_write(json, GOJSON_ESCAPE_HTML | GOJSON_FLOATS, &text);
    if (strbuf_check(&text, "the content of a generated object", err) < 0)
        return -1;
    unsigned char hash[SHA256_SIZE];
    sha256_for_name(text.data, text.len, hash);
    struct digest digest = digest_from_hash(hash);
    const char *hex = digest_hex(digest.text);
    static const char from[] = "013ae";
    static const char to[] = "ghkmt";
    for (size_t i = 0; i < KUSTOMIZE_HASH_SIZE - 1; i++) {
        const char *found = strchr(from, hex[i]);
        ret_hash[i] = found != NULL ? to[found - from] : hex[i];
    }
    ret_hash[KUSTOMIZE_HASH_SIZE - 1] = '\0';
    return 0;
}

int hash_transform(struct frame *frame, const struct value *config, struct resmap *map,
                   struct error *err)
{
    (void)frame;
    (void)config;
    bool changed = false;
    resmap_foreach (resource, map) {
        if (!resource->needs_hash)
            continue;
        char hash[KUSTOMIZE_HASH_SIZE];
        if (kustomize_hash(resource->value, hash, err) < 0)
            return error_wrap(err, "%s %s", resource_kind(resource), resource_name(resource));
        cleanup_free char *name = xasprintf("%s-%s", resource_name(resource), hash);
        resource_remember_id(resource);
        resource_set_name(resource, name);
        changed = true;
    }
    if (changed)
        resmap_renamed(map);
    return 0;
}
