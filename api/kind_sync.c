// Sync: verified artifact -> target.
#include "api/fields.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

static const struct field fields[] = {
    OBJECT_FIELDS,
    SUSPEND_FIELD,
    {.path = "spec.interval",
     .type = FIELD_DURATION,
     .fallback = "\"10m\"",
     .min = 1000,
     .doc = "How often to ask the registry even when nothing was heard; spread by 10 %.",
     .example = "10m"},
    {.path = "spec.timeout",
     .type = FIELD_DURATION,
     .fallback = "\"5m\"",
     .min = 1000,
     .max = 3600000,
     .doc = "How long one run from pull to apply may take.",
     .example = "5m"},

    {.path = "spec.bundleRef",
     .type = FIELD_OBJECT,
     .doc = "Follow the digest that a Bundle released.",
     .example = "{name: shop}"},
    {.path = "spec.bundleRef.name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "Name of the Bundle.",
     .example = "shop"},
    {.path = "spec.bundleRef.namespace",
     .type = FIELD_STRING,
     .check = check_namespace,
     .doc = "Its namespace, default: that of the Sync. The Bundle must list ours in `exportTo`.",
     .example = "packaging"},

    {.path = "spec.artifact",
     .type = FIELD_OBJECT,
     .doc = "Follow a repository; with `bundleRef`, only how to reach the Bundle's.",
     .example = "{repository: oci://registry.example.com/acme/shop, tag: prod}"},
    {.path = "spec.artifact.repository",
     .type = FIELD_STRING,
     .max = 2048,
     .secret = true,
     .check = check_repository,
     .doc = "A repository in a registry (`oci://`), or an OCI layout on disk (`oci-layout://`).",
     .example = "oci://registry.example.com/acme/shop"},
    {.path = "spec.artifact.tag",
     .type = FIELD_STRING,
     .check = check_tag,
     .doc = "Follow a moving tag, or pin a `git-<commit>-…` tag.",
     .example = "prod"},
    {.path = "spec.artifact.digest",
     .type = FIELD_STRING,
     .check = check_digest,
     .doc = "Pin exactly this artifact.",
     .example = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    {.path = "spec.artifact.semver",
     .type = FIELD_STRING,
     .max = 255,
     .check = check_semver_range,
     .doc = "Follow the highest version in this range.",
     .example = "\">=1.2 <2\""},
    {.path = "spec.artifact.semverFilter",
     .type = FIELD_STRING,
     .max = 1024,
     .doc = "Only tags in which this regular expression matches (Go's syntax, anywhere in the tag) "
            "are versions to choose from.",
     .example = "\"-prod$\""},
    {.path = "spec.artifact.channel",
     .type = FIELD_STRING,
     .check = check_tag,
     .doc = "The channel whose release statements count; default: the tag, or the Bundle's first. "
            "Needed for a digest or a `git-` tag where a policy attests.",
     .example = "prod"},
    SECRET_REF_FIELDS("spec.artifact.secretRef", false,
                      "Credentials of the registry: `username` and `password`, or "
                      "`.dockerconfigjson`."),
    SECRET_REF_FIELDS("spec.artifact.certSecretRef", false,
                      "TLS for the registry: `ca.crt`, and `tls.crt` with `tls.key`."),
    SECRET_REF_FIELDS("spec.artifact.proxySecretRef", false,
                      "HTTP proxy to the registry: `address`, and `username` with `password`. The "
                      "host's own registry login is not used through it."),
    {.path = "spec.artifact.insecure",
     .type = FIELD_BOOL,
     .fallback = "false",
     .doc = "Speak plain HTTP to the registry.",
     .example = "true"},

    {.path = "spec.path",
     .type = FIELD_STRING,
     .fallback = "\"./\"",
     .check = check_relative_path,
     .doc = "Apply only what lies below this path of the artifact.",
     .example = "./"},
    {.path = "spec.verify",
     .type = FIELD_OBJECT,
     .doc = "Keys of this Sync's own. They add to the TrustPolicies that govern it and never "
            "replace them.",
     .example = "{keys: [{name: packager, secretRef: {name: packager-pub}}]}"},
    {.path = "spec.verify.keys",
     .type = FIELD_LIST,
     .required = true,
     .min = 1,
     .max = 64,
     .unique = true,
     .doc = "One of them must have signed.",
     .example = "[{name: packager, secretRef: {name: packager-pub}}]"},
    {.path = "spec.verify.keys[]",
     .type = FIELD_OBJECT,
     .doc = "A key.",
     .example = "{name: packager, secretRef: {name: packager-pub}}"},
    KEY_FIELDS("spec.verify.keys[]"),
    {.path = "spec.verify.attests",
     .type = FIELD_BOOL,
     .fallback = "true",
     .doc = "Ask for a release statement of these keys where no policy governs. `false` takes "
            "artifacts without one, such as Flux's, and then judges neither channel nor age.",
     .example = "false"},

    {.path = "spec.allowNamespaces",
     .type = FIELD_LIST,
     .max = 256,
     .unique = true,
     .doc = "Other namespaces this Sync may write to; policies that select one of them govern it.",
     .example = "[shop-jobs]"},
    {.path = "spec.allowNamespaces[]",
     .type = FIELD_STRING,
     .check = check_namespace,
     .doc = "A namespace.",
     .example = "shop-jobs"},
    {.path = "spec.targetNamespace",
     .type = FIELD_STRING,
     .check = check_namespace,
     .doc = "Namespace for objects without one. Not for a directory.",
     .example = "shop"},
    {.path = "spec.serviceAccountName",
     .type = FIELD_STRING,
     .max = 253,
     .check = check_name,
     .doc = "The account to apply as. Not for a directory.",
     .example = "shop-deployer"},
    {.path = "spec.prune",
     .type = FIELD_BOOL,
     .fallback = "true",
     .doc = "Remove what is no longer in the artifact.",
     .example = "true"},
    {.path = "spec.drift",
     .type = FIELD_ENUM,
     .choices = "Heal|Report",
     .fallback = "\"Heal\"",
     .doc = "What to do when somebody changes the target: put it back, or only say so.",
     .example = "Heal"},
    {.path = "spec.wait",
     .type = FIELD_BOOL,
     .doc = "Ready only when all objects are healthy. Not for a directory.",
     .example = "true"},
    {.path = "spec.dependsOn",
     .type = FIELD_LIST,
     .doc = "Syncs that must be Ready first.",
     .pending = "a Sync applies as soon as it is verified; leave it out",
     .example = "[{name: infra}]"},
    {.path = "spec.force",
     .type = FIELD_ENUM,
     .choices = "Never|Recreate",
     .doc = "What to do about immutable fields. Not for a directory.",
     .example = "Never"},

    {.path = "spec.target",
     .type = FIELD_OBJECT,
     .doc = "Where the objects go: a directory, or another cluster. Without it: the cluster that "
            "the controller runs in.",
     .example = "{directory: {path: /var/lib/sealift/shop}}"},
    {.path = "spec.target.directory",
     .type = FIELD_OBJECT,
     .doc = "A directory on the controller's machine.",
     .example = "{path: /var/lib/sealift/shop}"},
    {.path = "spec.target.directory.path",
     .type = FIELD_STRING,
     .required = true,
     .check = check_absolute_path,
     .doc = "Its absolute path.",
     .example = "/var/lib/sealift/shop"},
    {.path = "spec.target.directory.layout",
     .type = FIELD_ENUM,
     .choices = "Tree|OneFile|Pods",
     .fallback = "\"Tree\"",
     .doc = "`Tree` is one file per object in a directory of its own, swapped at once. `OneFile` "
            "(k3s, RKE2) and `Pods` (kubelet) write files of their own name beside others.",
     .example = "Tree"},
    {.path = "spec.target.kubeConfig",
     .type = FIELD_OBJECT,
     .doc = "Another cluster.",
     .example = "{secretRef: {name: prod-cluster}}"},
    SECRET_REF_FIELDS("spec.target.kubeConfig.secretRef", true,
                      "The Secret whose key `value` (or `kubeconfig`) holds the kubeconfig. It may "
                      "name nothing of the controller's machine: no exec, no files."),
};

static bool sources_are_not_one(const json_t *value, const json_t *spec)
{
    (void)spec;
    bool names_repository = jval_get(value, "artifact.repository") != NULL;
    return (json_object_get(value, "bundleRef") != NULL) == names_repository;
}

static bool bundle_ref_and_more(const json_t *value, const json_t *spec)
{
    // With repository too, the rule about both speaks.
    return json_object_get(spec, "bundleRef") != NULL &&
           json_object_get(value, "repository") == NULL &&
           count_members(value, "tag", "digest", "semver", "semverFilter", "channel", NULL) > 0;
}

static bool pins_are_not_one(const json_t *value, const json_t *spec)
{
    (void)spec;
    return json_object_get(value, "repository") != NULL &&
           count_members(value, "tag", "digest", "semver", NULL) != 1;
}

static bool filters_no_range(const json_t *value, const json_t *spec)
{
    (void)spec;
    return json_object_get(value, "semverFilter") != NULL &&
           json_object_get(value, "semver") == NULL;
}

static bool has_on_directory(const json_t *value, const char *name)
{
    return json_object_get(value, name) != NULL && jval_get(value, "target.directory") != NULL;
}

static bool names_target_namespace(const json_t *value, const json_t *spec)
{
    (void)spec;
    return has_on_directory(value, "targetNamespace");
}

static bool names_account(const json_t *value, const json_t *spec)
{
    (void)spec;
    return has_on_directory(value, "serviceAccountName");
}

static bool waits(const json_t *value, const json_t *spec)
{
    (void)spec;
    return has_on_directory(value, "wait");
}

static bool forces(const json_t *value, const json_t *spec)
{
    (void)spec;
    return has_on_directory(value, "force");
}

static bool targets_are_not_one(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "directory", "kubeConfig", NULL) != 1;
}

// For the API server.
#define NO_DIRECTORY "!has(self.target) || !has(self.target.directory)"

static const struct field_rule rules[] = {
    {"spec", sources_are_not_one,
     "exactly one of bundleRef and artifact.repository must be given: what to follow",
     "has(self.bundleRef) != (has(self.artifact) && has(self.artifact.repository))", NULL},
    {"spec.artifact", bundle_ref_and_more,
     "with bundleRef the Bundle says what to follow; only secretRef, certSecretRef, "
     "proxySecretRef and insecure may stand here",
     "!has(self.bundleRef) || !has(self.artifact) || has(self.artifact.repository) || "
     "!(has(self.artifact.tag) || has(self.artifact.digest) || has(self.artifact.semver) || "
     "has(self.artifact.semverFilter) || has(self.artifact.channel))",
     "spec"},
    {"spec.artifact", pins_are_not_one,
     "exactly one of tag, semver and digest must be given with repository",
     "!has(self.repository) || "
     "[has(self.tag), has(self.semver), has(self.digest)].filter(x, x).size() == 1",
     NULL},
    {"spec.artifact", filters_no_range,
     "semverFilter says which tags a range chooses from; give the range as semver, or leave it out",
     "!has(self.semverFilter) || has(self.semver)", NULL},
    {"spec.target", targets_are_not_one,
     "exactly one of directory and kubeConfig must be given; leave target out for the cluster that "
     "the controller runs in",
     "has(self.directory) != has(self.kubeConfig)", NULL},
    {"spec", names_target_namespace,
     "targetNamespace does not apply to a directory target: it gets the objects as they stand in "
     "the artifact; leave it out",
     "!has(self.targetNamespace) || " NO_DIRECTORY, NULL},
    {"spec", names_account,
     "serviceAccountName does not apply to a directory target: nothing is applied as an account; "
     "leave it out",
     "!has(self.serviceAccountName) || " NO_DIRECTORY, NULL},
    {"spec", waits, "wait does not apply to a directory target: files have no health; leave it out",
     "!has(self.wait) || " NO_DIRECTORY, NULL},
    {"spec", forces,
     "force does not apply to a directory target: files have no immutable fields; leave it out",
     "!has(self.force) || " NO_DIRECTORY, NULL},
    KEY_RULES("spec.verify.keys[]"),
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct field status_fields[] = {
    STATUS_FIELDS,
    {.path = "status.artifact.digest", .type = FIELD_STRING, .doc = "What is applied."},
    {.path = "status.artifact.revision",
     .type = FIELD_STRING,
     .doc = "The commit it was rendered from."},
    {.path = "status.artifact.sequence",
     .type = FIELD_INT,
     .doc = "Sequence of the release statement it was adopted by."},
    {.path = "status.artifact.verifiedBy", .type = FIELD_LIST, .doc = "Names of the keys."},
    {.path = "status.inventory.objects", .type = FIELD_INT, .doc = "Objects applied."},
    {.path = "status.inventory.ready", .type = FIELD_INT, .doc = "Objects in place."},
    {.path = "status.inventory.drifted", .type = FIELD_INT, .doc = "Objects that were changed."},
    {.path = "status.history", .type = FIELD_LIST, .doc = "The last 10 revisions, newest first."},
};

const struct kind_table kind_sync = {
    .kind = {"Sync", "syncs", API_VERSION, true, true},
    .doc = "A Sync follows a Bundle or a repository, verifies what it finds, applies it to a "
           "target and keeps it there.",
    .example = "apiVersion: sealift.dev/v1alpha1\n"
               "kind: Sync\n"
               "metadata:\n"
               "  name: shop\n"
               "  namespace: shop\n"
               "spec:\n"
               "  bundleRef:\n"
               "    name: shop\n"
               "  verify:\n"
               "    keys:\n"
               "    - name: packager\n"
               "      secretRef:\n"
               "        name: packager-pub\n"
               "  target:\n"
               "    directory:\n"
               "      path: /var/lib/sealift/shop\n",
    .fields = fields,
    .n_fields = ARRAY_LENGTH(fields),
    .rules = rules,
    .status_fields = status_fields,
    .n_status_fields = ARRAY_LENGTH(status_fields),
};
