// The table of fields: one row says all there is to say about a field, and validation, defaults and
// the reference and the CRDs are read from it.
//
// A path is dotted, with [] for the items of a list: "spec.verify.keys[].name". Every field has its
// own row, its parent's before it. Static data; any thread.
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kind.h"
#include "base/strbuf.h"

enum field_type {
    FIELD_STRING,
    FIELD_ENUM, // one of `choices`
    FIELD_BOOL,
    FIELD_INT,      // between min and max
    FIELD_DURATION, // between min and max milliseconds
    FIELD_TIME,     // RFC 3339
    FIELD_OBJECT,
    FIELD_LIST,     // of min to max items, described by the row of path "[]"
    FIELD_TEXT_MAP, // at most max names to strings
    FIELD_ANY,      // a map: whatever its owner makes of it
    FIELD_SCALAR,   // a text of at most max bytes, a number, true or false
};

// Returns whether text may stand; else appends the rest of a sentence that starts with the field
// ("holds a password; …"). Never repeats text that may be secret.
typedef bool field_check(const char *text, struct strbuf *sentence);

struct field {
    const char *path;
    enum field_type type;
    bool required; // where its parent is present
    bool secret;   // its value is never shown: it may hold a password or a private key
    bool unique;   // FIELD_LIST: no two items (or their `name`) are equal
    // JSON. Set where the field is absent and its parent present; "{}" makes a parent.
    const char *fallback;
    const char *choices; // "A|B"
    const char *any_of;  // FIELD_OBJECT, "a|b": for the API server, one of these members is there
    // Values or, without choices, the whole field that this version refuses, and why: the sentence
    // after "… is not built yet".
    const char *pending_choices;
    const char *pending;
    int64_t min; // bytes of a string (0 = 1), see the types
    int64_t max; // 0 = 4096 bytes; see the types
    field_check *check;
    const char *doc;
    const char *example; // as YAML on one line
};

// What one field cannot say alone.
struct field_rule {
    const char *path; // what `broken` looks at; for every item when it ends in []
    bool (*broken)(const json_t *value, const json_t *spec);
    const char *sentence; // "exactly one of pem and secretRef must be given"
    // The same in CEL for the API server, where true is fine: over `self` at `path`, or at the
    // parent `at` when it looks further than `broken`'s value. NULL where the row's any_of says it.
    const char *holds;
    const char *at;
};

#define rules_foreach(table, rule) \
    for (const struct field_rule *rule = (table)->rules; rule != NULL && rule->path != NULL; rule++)

struct kind_table {
    struct kind kind;
    const char *doc;
    const char *example; // a whole object in YAML
    const struct field *fields;
    size_t n_fields;
    const struct field_rule *rules;    // ended by one without a path; NULL for none
    const struct field *status_fields; // for the reference only
    size_t n_status_fields;
};

// NULL when there is none.
const struct kind_table *kind_table_find(const char *kind);

// The row of the child `name` (`size` bytes; "[]" for the item) of the field `parent`; "" is the
// object itself. NULL when there is none.
const struct field *field_child(const struct kind_table *table, const char *parent,
                                const char *name, size_t size);
// Whether `path` is a direct child of `parent`, other than its item; its name is put into
// *ret_name.
bool field_is_child(const char *path, const char *parent, const char **ret_name);

extern const struct kind_table kind_bundle;
extern const struct kind_table kind_sync;
extern const struct kind_table kind_hook;
extern const struct kind_table kind_trust_policy;
extern const struct kind_table kind_secret;
extern const struct kind_table kind_config_map;
extern const struct kind_table kind_namespace;

// Rows that several kinds share. `at` is a string literal.
#define CORE_FIELDS                                                                  \
    {.path = "apiVersion",                                                           \
     .type = FIELD_STRING,                                                           \
     .required = true,                                                               \
     .doc = "Group and version.",                                                    \
     .example = "v1"},                                                               \
        {.path = "kind",                                                             \
         .type = FIELD_STRING,                                                       \
         .required = true,                                                           \
         .doc = "Kind.",                                                             \
         .example = "Bundle"},                                                       \
    {                                                                                \
        .path = "metadata", .type = FIELD_ANY,                                       \
        .doc = "`name`, `namespace`, `labels` and `annotations`, as in Kubernetes.", \
        .example = "{name: shop, namespace: shop}"                                   \
    }
#define OBJECT_FIELDS                                                            \
    CORE_FIELDS,                                                                 \
        {.path = "spec",                                                         \
         .type = FIELD_OBJECT,                                                   \
         .required = true,                                                       \
         .doc = "What is wanted.",                                               \
         .example = "{…}"},                                                      \
    {                                                                            \
        .path = "status", .type = FIELD_ANY,                                     \
        .doc = "What is; written by sealift, ignored in files.", .example = "{}" \
    }
#define STATUS_FIELDS                                                                          \
    {.path = "status.observedGeneration",                                                      \
     .type = FIELD_INT,                                                                        \
     .doc = "The generation of the spec that conditions speak of."},                           \
        {.path = "status.conditions",                                                          \
         .type = FIELD_LIST,                                                                   \
         .doc = "Ready, and Reconciling or Stalled while they are true, each with reason and " \
                "message."},                                                                   \
    {                                                                                          \
        .path = "status.lastHandledReconcileAt", .type = FIELD_STRING,                         \
        .doc = "The value of `sealift.dev/requestedAt` that was handled last."                 \
    }
#define SELECTOR_FIELDS(at)                                                         \
    {.path = at ".matchLabels",                                                     \
     .type = FIELD_TEXT_MAP,                                                        \
     .max = 64,                                                                     \
     .doc = "Labels and their values.",                                             \
     .example = "{env: prod}"},                                                     \
        {.path = at ".matchExpressions",                                            \
         .type = FIELD_LIST,                                                        \
         .max = 64,                                                                 \
         .doc = "Further requirements.",                                            \
         .example = "[{key: env, operator: In, values: [prod]}]"},                  \
        {.path = at ".matchExpressions[]",                                          \
         .type = FIELD_OBJECT,                                                      \
         .doc = "A requirement.",                                                   \
         .example = "{key: env, operator: In, values: [prod]}"},                    \
        {.path = at ".matchExpressions[].key",                                      \
         .type = FIELD_STRING,                                                      \
         .required = true,                                                          \
         .doc = "A label.",                                                         \
         .example = "env"},                                                         \
        {.path = at ".matchExpressions[].operator",                                 \
         .type = FIELD_ENUM,                                                        \
         .required = true,                                                          \
         .choices = "In|NotIn|Exists|DoesNotExist",                                 \
         .doc = "How to compare.",                                                  \
         .example = "In"},                                                          \
        {.path = at ".matchExpressions[].values",                                   \
         .type = FIELD_LIST,                                                        \
         .max = 64,                                                                 \
         .doc = "Values for In and NotIn.",                                         \
         .example = "[prod]"},                                                      \
    {                                                                               \
        .path = at ".matchExpressions[].values[]", .type = FIELD_STRING, .max = 63, \
        .doc = "A value.", .example = "prod"                                        \
    }
#define SUSPEND_FIELD                                                                             \
    {                                                                                             \
        .path = "spec.suspend", .type = FIELD_BOOL, .fallback = "false",                          \
        .doc = "Stop working on this object until it is false again. `sealift suspend` sets it.", \
        .example = "true"                                                                         \
    }
#define SECRET_REF_FIELDS(at, is_required, about)                                   \
    {.path = at,                                                                    \
     .type = FIELD_OBJECT,                                                          \
     .required = (is_required),                                                     \
     .doc = about,                                                                  \
     .example = "{name: credentials}"},                                             \
    {                                                                               \
        .path = at ".name", .type = FIELD_STRING, .required = true, .max = 253,     \
        .check = check_name, .doc = "Name of the Secret.", .example = "credentials" \
    }
#define KEY_FIELDS(at)                                                                       \
    {.path = at ".name",                                                                     \
     .type = FIELD_STRING,                                                                   \
     .required = true,                                                                       \
     .max = 253,                                                                             \
     .check = check_name,                                                                    \
     .doc = "How messages and `status.artifact.verifiedBy` call the key.",                   \
     .example = "packager"},                                                                 \
        {.path = at ".pem",                                                                  \
         .type = FIELD_STRING,                                                               \
         .max = 8192,                                                                        \
         .secret = true,                                                                     \
         .check = check_pem,                                                                 \
         .doc = "The public key or certificate itself.",                                     \
         .example = "\"-----BEGIN PUBLIC KEY-----\\n…\""},                                   \
        SECRET_REF_FIELDS(at ".secretRef", false,                                            \
                          "The Secret that holds the public key under `cosign.pub`."),       \
        {.path = at ".notBefore",                                                            \
         .type = FIELD_TIME,                                                                 \
         .doc = "Signatures of this key count only from then on.",                           \
         .example = "2026-01-01T00:00:00Z"},                                                 \
    {                                                                                        \
        .path = at ".notAfter", .type = FIELD_TIME, .doc = "The key counts no longer then.", \
        .example = "2027-01-01T00:00:00Z"                                                    \
    }

bool rule_key_not_one_source(const json_t *value, const json_t *spec);
bool rule_key_times_reversed(const json_t *value, const json_t *spec);
// What timestamp() takes of the years 1000 to 2999: elsewhere its error would stand in the place of
// our sentence, and there only the years are compared. The field's own rule speaks of what is no
// time.
#define LEAP_YEAR "([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)"
#define TIME_DAY                                                                           \
    "([12][0-9]{3}-((0[13578]|1[02])-31|(0[13-9]|1[0-2])-(29|30)|(0[1-9]|1[0-2])-(0[1-9]|" \
    "1[0-9]|2[0-8]))|" LEAP_YEAR "-02-29)"
#define TIME_THAT_COMPARES                                                        \
    "^" TIME_DAY "[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?([Zz]|" \
    "[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
#define KEY_TIMES_IN_ORDER                                                                        \
    "!has(self.notBefore) || !has(self.notAfter) || (self.notBefore.matches('" TIME_THAT_COMPARES \
    "') && self.notAfter.matches('" TIME_THAT_COMPARES                                            \
    "') ? timestamp(self.notBefore.upperAscii()) < timestamp(self.notAfter.upperAscii()) : "      \
    "!self.notBefore.matches('^[0-9]{4}-') || !self.notAfter.matches('^[0-9]{4}-') || "           \
    "self.notBefore.substring(0, 4) <= self.notAfter.substring(0, 4))"
#define KEY_RULES(at)                                                                             \
    {at, rule_key_not_one_source,                                                                 \
     "exactly one of pem and secretRef must be given: the key itself, or the Secret it is in",    \
     "has(self.pem) != has(self.secretRef)", NULL},                                               \
    {                                                                                             \
        at, rule_key_times_reversed, "notAfter must be later than notBefore", KEY_TIMES_IN_ORDER, \
            NULL                                                                                  \
    }

// How many of the members, named in a NULL-ended list, value has.
int count_members(const json_t *value, ...) __attribute__((sentinel));

// Formats (api/formats.c).
field_check check_name;          // DNS-1123 subdomain: names of objects
field_check check_namespace;     // DNS-1123 label
field_check check_git_url;       // https, http, ssh, file; no password
field_check check_git_identity;  // anything identity_git takes
field_check check_git_ref;       // branch or tag name
field_check check_ref_pattern;   // the same with * and **
field_check check_commit;        // 40 or 64 hex digits
field_check check_semver_range;  // characters only; who resolves it parses it
field_check check_repository;    // oci:// or oci-layout://, without tag
field_check check_registry_name; // oci:// or bare, never a layout
field_check check_repository_pattern;
field_check check_tag;           // OCI distribution 1.1
field_check check_digest;        // sha256:…
field_check check_relative_path; // stays below where it starts
field_check check_path_pattern;  // the same with * and **
field_check check_absolute_path;
field_check check_http_url;
field_check check_pkcs11;
field_check check_program;
field_check check_issuer;            // URL of an OpenID issuer, no wildcard
field_check check_subject_pattern;   // an identity, or a pattern that is not everybody
field_check check_trust_store;       // "ca:acme"
field_check check_notation_identity; // "x509.subject: …" or "*"
field_check check_pem;
field_check check_serial;         // of a certificate: hex digits, colons are fine
field_check check_predicate_type; // a URI, or a name that cosign knows
field_check check_value_path;     // JSON pointer, with * as a step
field_check check_base64;

#endif
