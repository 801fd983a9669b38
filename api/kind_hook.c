// Hook: one webhook address.
#include "api/fields.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

static const struct field fields[] = {
    OBJECT_FIELDS,
    {.path = "spec.provider",
     .type = FIELD_ENUM,
     .required = true,
     .choices = "github|sealift",
     .pending_choices = "gitlab|gitea|forgejo|bitbucket|generic|dockerhub|harbor",
     .pending = "this version reads GitHub's form, which Gitea and Forgejo send too (write github)",
     .doc = "Who sends: `github` (also what Gitea and Forgejo send), or `sealift` (a Bundle's "
            "`notify`).",
     .example = "github"},
    {.path = "spec.secretRef",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "The Secret that holds `token`, at least 16 bytes, shared with the sender.",
     .example = "{name: hook}"},
    {.path = "spec.secretRef.name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "Name of the Secret.",
     .example = "hook"},
    {.path = "spec.events",
     .type = FIELD_LIST,
     .min = 1,
     .max = 16,
     .unique = true,
     .fallback = "[\"push\"]",
     .doc = "What counts. Others are answered and change nothing.",
     .example = "[push]"},
    {.path = "spec.events[]",
     .type = FIELD_ENUM,
     .choices = "push",
     .pending_choices = "create|delete|release|package|registry_package|pull_request|ping",
     .pending = "only push triggers work; every other event is answered and changes nothing",
     .doc = "An event.",
     .example = "push"},
    {.path = "spec.resources",
     .type = FIELD_LIST,
     .max = 256,
     .doc = "Objects of the Hook's namespace to trigger, by name.",
     .example = "[{kind: Bundle, name: shop}]"},
    {.path = "spec.resources[]",
     .type = FIELD_OBJECT,
     .doc = "An object.",
     .example = "{kind: Bundle, name: shop}"},
    {.path = "spec.resources[].kind",
     .type = FIELD_ENUM,
     .required = true,
     .choices = "Bundle|Sync",
     .doc = "Its kind.",
     .example = "Bundle"},
    {.path = "spec.resources[].name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "Its name.",
     .example = "shop"},
    {.path = "spec.selector",
     .type = FIELD_OBJECT,
     .doc = "Objects of the Hook's namespace to trigger, by label. An empty one selects nothing.",
     .example = "{matchLabels: {team: shop}}"},
    SELECTOR_FIELDS("spec.selector"),
    {.path = "spec.suspend",
     .type = FIELD_BOOL,
     .doc = "Answer deliveries and do nothing.",
     .pending = "delete the Hook, or suspend what it triggers",
     .example = "true"},
};

static bool selects_nothing(const json_t *value, const json_t *spec)
{
    (void)spec;
    return json_array_size(json_object_get(value, "resources")) == 0 &&
           selector_is_empty(json_object_get(value, "selector"));
}

static const struct field_rule rules[] = {
    {"spec", selects_nothing,
     "the Hook triggers nothing; name objects in resources, or labels in selector",
     "(has(self.resources) && size(self.resources) > 0) || (has(self.selector) && "
     "((has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || "
     "(has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)))",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct field status_fields[] = {
    {.path = "status.observedGeneration",
     .type = FIELD_INT,
     .doc = "The generation that conditions speak of."},
    {.path = "status.conditions", .type = FIELD_LIST, .doc = "Ready and Stalled."},
    {.path = "status.path",
     .type = FIELD_STRING,
     .doc = "Path of the address, for senders that sign."},
    {.path = "status.pending",
     .type = FIELD_LIST,
     .doc = "Deliveries to act on: {repository, ref, commit, delivery, sequence, receivedAt}."},
    {.path = "status.droppedThrough",
     .type = FIELD_INT,
     .doc = "The highest sequence that was dropped before somebody acted on it."},
    {.path = "status.lastDelivery",
     .type = FIELD_OBJECT,
     .doc = "{id, at, result} of the newest delivery."},
};

const struct kind_table kind_hook = {
    .kind = {"Hook", "hooks", API_VERSION, true, true},
    .doc = "A Hook is one webhook address and what it triggers.",
    .example = "apiVersion: sealift.dev/v1alpha1\n"
               "kind: Hook\n"
               "metadata:\n"
               "  name: github\n"
               "  namespace: shop\n"
               "spec:\n"
               "  provider: github\n"
               "  secretRef:\n"
               "    name: hook\n"
               "  resources:\n"
               "  - kind: Bundle\n"
               "    name: shop\n",
    .fields = fields,
    .n_fields = ARRAY_LENGTH(fields),
    .rules = rules,
    .status_fields = status_fields,
    .n_status_fields = ARRAY_LENGTH(status_fields),
};
