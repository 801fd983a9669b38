// The objects of Kubernetes' own that the store on files can hold: as much of them as is used.
#include "api/fields.h"

#include "base/jval.h"
#include "base/memory.h"

static const struct field secret_fields[] = {
    CORE_FIELDS,
    {.path = "type",
     .type = FIELD_STRING,
     .doc = "What Kubernetes calls it; not used.",
     .example = "Opaque"},
    {.path = "immutable", .type = FIELD_BOOL, .doc = "Not used.", .example = "false"},
    {.path = "data",
     .type = FIELD_TEXT_MAP,
     .secret = true,
     .check = check_base64,
     .doc = "Keys and base64.",
     .example = "{token: aHVudGVyMg==}"},
    {.path = "stringData",
     .type = FIELD_TEXT_MAP,
     .secret = true,
     .doc = "Keys and plain text; wins over `data`.",
     .example = "{token: hunter2}"},
};

static const struct field config_map_fields[] = {
    CORE_FIELDS,
    {.path = "immutable", .type = FIELD_BOOL, .doc = "Not used.", .example = "false"},
    {.path = "data", .type = FIELD_TEXT_MAP, .doc = "Keys and text.", .example = "{region: eu}"},
    {.path = "binaryData",
     .type = FIELD_TEXT_MAP,
     .check = check_base64,
     .doc = "Keys and base64.",
     .example = "{logo: iVBORw0KGgo=}"},
};

static const struct field namespace_fields[] = {
    CORE_FIELDS,
    {.path = "spec", .type = FIELD_ANY, .doc = "Not used.", .example = "{}"},
    {.path = "status", .type = FIELD_ANY, .doc = "Not used.", .example = "{}"},
};

const struct kind_table kind_secret = {
    .kind = {"Secret", "secrets", "v1", true, false},
    .doc = "Credentials and keys, for `--config DIR`.",
    .fields = secret_fields,
    .n_fields = ARRAY_LENGTH(secret_fields),
};

const struct kind_table kind_config_map = {
    .kind = {"ConfigMap", "configmaps", "v1", true, false},
    .doc = "Plain values, for `--config DIR`.",
    .fields = config_map_fields,
    .n_fields = ARRAY_LENGTH(config_map_fields),
};

const struct kind_table kind_namespace = {
    .kind = {"Namespace", "namespaces", "v1", false, false},
    .doc = "Labels of a namespace, for the selectors of TrustPolicies, for `--config DIR`.",
    .fields = namespace_fields,
    .n_fields = ARRAY_LENGTH(namespace_fields),
};
