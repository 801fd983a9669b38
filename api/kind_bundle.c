// Bundle: git -> signed artifact.
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
     .doc = "How often to ask the git server even when no hook arrived; spread by 10 %.",
     .example = "10m"},
    {.path = "spec.timeout",
     .type = FIELD_DURATION,
     .fallback = "\"5m\"",
     .min = 1000,
     .max = 3600000,
     .doc = "How long one run from fetch to push may take.",
     .example = "5m"},

    {.path = "spec.source",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "Where the manifests come from.",
     .example = "{git: {url: https://git.example.com/acme/config.git}}"},
    {.path = "spec.source.git",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "A git repository.",
     .example = "{url: https://git.example.com/acme/config.git}"},
    {.path = "spec.source.git.url",
     .type = FIELD_STRING,
     .required = true,
     .max = 2048,
     .secret = true,
     .check = check_git_url,
     .doc = "Address: `https`, `http`, `ssh` or `file`. Credentials belong into `secretRef`.",
     .example = "https://git.example.com/acme/config.git"},
    {.path = "spec.source.git.ref",
     .type = FIELD_OBJECT,
     .fallback = "{\"branch\": \"main\"}",
     .doc = "What to follow: exactly one of its fields.",
     .example = "{branch: main}"},
    {.path = "spec.source.git.ref.branch",
     .type = FIELD_STRING,
     .max = 255,
     .check = check_git_ref,
     .doc = "The newest commit of a branch.",
     .example = "main"},
    {.path = "spec.source.git.ref.tag",
     .type = FIELD_STRING,
     .max = 255,
     .check = check_git_ref,
     .doc = "The commit that a tag points to.",
     .example = "v1.2.3"},
    {.path = "spec.source.git.ref.semver",
     .type = FIELD_STRING,
     .max = 255,
     .check = check_semver_range,
     .doc = "The highest tag that is a version in this range.",
     .example = "\">=1.2 <2\""},
    {.path = "spec.source.git.ref.commit",
     .type = FIELD_STRING,
     .check = check_commit,
     .doc = "Exactly this commit.",
     .example = "4f3c2b1a09e8d7c6b5a4f3e2d1c0b9a897867564"},
    SECRET_REF_FIELDS("spec.source.git.secretRef", false,
                      "Credentials: `username` and `password`, `bearerToken`, or `identity` and "
                      "`known_hosts`; also `ca.crt`, `tls.crt`, `tls.key`."),
    {.path = "spec.source.git.verify",
     .type = FIELD_OBJECT,
     .doc = "Keys that must have signed the commit.",
     .pending = "commits are taken unverified; leave it out, and protect the branch at the forge",
     .example = "{keys: [{name: committers, secretRef: {name: committers}}]}"},
    {.path = "spec.source.git.history",
     .type = FIELD_ENUM,
     .choices = "FastForward|Any",
     .fallback = "\"FastForward\"",
     .doc = "`FastForward` refuses a force-push until the annotation `sealift.dev/accept-history` "
            "names the commit; `Any` takes it.",
     .example = "FastForward"},
    {.path = "spec.source.git.status",
     .type = FIELD_OBJECT,
     .doc = "Write the result back to the forge as a commit status.",
     .pending = "this version writes no commit status; leave it out, and see `sealift get bundle`",
     .example = "{provider: gitea, secretRef: {name: forge}}"},

    {.path = "spec.path",
     .type = FIELD_STRING,
     .fallback = "\"./\"",
     .check = check_relative_path,
     .doc = "The directory to render. A change outside of what it reads makes no new artifact.",
     .example = "./apps/shop/prod"},
    {.path = "spec.render",
     .type = FIELD_OBJECT,
     .fallback = "{}",
     .doc = "How the directory becomes objects.",
     .example = "{type: Plain}"},
    {.path = "spec.render.type",
     .type = FIELD_ENUM,
     .choices = "Auto|Plain|Kustomize",
     .pending_choices = "Helm",
     .pending = "this version renders no charts; commit the output of `helm template`",
     .fallback = "\"Auto\"",
     .doc =
         "`Plain` takes every YAML file below the path, `Kustomize` the kustomization at the path. "
         "`Auto` chooses the renderer by what lies there, and refuses what it cannot render yet.",
     .example = "Auto"},
    {.path = "spec.render.helm",
     .type = FIELD_OBJECT,
     .doc = "Values for a Helm chart.",
     .pending = "this version renders no charts; commit the output of `helm template`",
     .example = "{releaseName: shop}"},
    {.path = "spec.render.substitute",
     .type = FIELD_OBJECT,
     .doc = "Variables for `${NAME}` in rendered objects, put there before signing. An object with "
            "the "
            "annotation `sealift.dev/substitute: disabled` is left alone.",
     .example = "{vars: {REGION: eu}}"},
    {.path = "spec.render.substitute.vars",
     .type = FIELD_TEXT_MAP,
     .max = 1000,
     .fallback = "{}",
     .doc = "Values by name; they win over those of `from`.",
     .example = "{REGION: eu}"},
    {.path = "spec.render.substitute.from",
     .type = FIELD_LIST,
     .max = 64,
     .fallback = "[]",
     .doc =
         "Files of the repository that hold ConfigMaps and Secrets, whose entries are variables; "
         "later files win.",
     .example = "[envs/prod.yaml]"},
    {.path = "spec.render.substitute.from[]",
     .type = FIELD_STRING,
     .check = check_relative_path,
     .max = 1024,
     .doc = "A path from the root of the repository.",
     .example = "envs/prod.yaml"},
    {.path = "spec.render.substitute.strict",
     .type = FIELD_BOOL,
     .fallback = "true",
     .doc = "A variable that is not set and has no default is an error that names it; else it is "
            "empty.",
     .example = "true"},

    {.path = "spec.artifact",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "Where the artifact goes.",
     .example = "{repository: oci://registry.example.com/acme/shop, tags: [prod]}"},
    {.path = "spec.artifact.repository",
     .type = FIELD_STRING,
     .required = true,
     .max = 2048,
     .secret = true,
     .check = check_repository,
     .doc = "A repository in a registry (`oci://`), or an OCI layout on disk (`oci-layout://`).",
     .example = "oci://registry.example.com/acme/shop"},
    {.path = "spec.artifact.identity",
     .type = FIELD_STRING,
     .max = 2048,
     .secret = true,
     .check = check_registry_name,
     .doc = "The registry name that signatures name for a layout on disk, so that a copy to that "
            "registry still verifies.",
     .example = "registry.example.com/acme/shop"},
    {.path = "spec.artifact.tags",
     .type = FIELD_LIST,
     .required = true,
     .min = 1,
     .max = 16,
     .unique = true,
     .doc = "Moving tags; each is a channel of its own. The first is the one that a Sync with "
            "`bundleRef` follows.",
     .example = "[prod]"},
    {.path = "spec.artifact.tags[]",
     .type = FIELD_STRING,
     .check = check_tag,
     .doc = "A tag.",
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
    {.path = "spec.artifact.renew",
     .type = FIELD_DURATION,
     .fallback = "\"168h\"",
     .min = 1000,
     .doc = "How often an unchanged artifact gets a fresh release statement.",
     .example = "168h"},
    {.path = "spec.artifact.format",
     .type = FIELD_ENUM,
     .choices = "Flux|Argo",
     .fallback = "\"Flux\"",
     .doc = "Media types of the artifact, which decide who else can read it: Flux's own, or the "
            "OCI layer type, which Argo CD takes as it comes. The files are the same.",
     .example = "Argo"},
    {.path = "spec.artifact.allowSecrets",
     .type = FIELD_BOOL,
     .fallback = "false",
     .doc = "Put Secrets with data into the artifact, where everybody who can pull reads them.",
     .example = "false"},

    {.path = "spec.sign",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "Who seals the artifact.",
     .example = "{secretRef: {name: packager-key}}"},
    {.path = "spec.sign.secretRef",
     .type = FIELD_OBJECT,
     .doc = "The Secret with `cosign.key` and `cosign.password`; `sealift keygen` makes one. With "
            "`pkcs11`: the Secret with the token's PIN as `pkcs11.pin`.",
     .example = "{name: packager-key}"},
    {.path = "spec.sign.secretRef.name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "Name of the Secret.",
     .example = "packager-key"},

    {.path = "spec.sign.pkcs11",
     .type = FIELD_STRING,
     .max = 2048,
     .check = check_pkcs11,
     .doc =
         "A key in a PKCS#11 token, as RFC 7512 writes it, without PIN and library. In a cluster "
         "`--pkcs11-module` of `sealift serve` must allow it.",
     .example = "pkcs11:token=release;object=packager"},
    {.path = "spec.sign.command",
     .type = FIELD_OBJECT,
     .doc = "A program that keeps the key and signs with it (docs/signers.md). In a cluster "
            "`--allow-signer` of `sealift serve` must name it.",
     .example = "{program: /usr/libexec/kms-signer, key: projects/acme/packager}"},
    {.path = "spec.sign.command.program",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_program,
     .doc = "Where it is on the packager's host.",
     .example = "/usr/libexec/kms-signer"},
    {.path = "spec.sign.command.key",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .doc = "What the program calls the key.",
     .example = "projects/acme/packager"},

    {.path = "spec.sign.expiry",
     .type = FIELD_DURATION,
     .min = 3600000,
     .doc = "How long a release statement may be adopted (its `notAfter`); a fresh one is made "
            "when half of it is over, or after `artifact.renew` if that is sooner. Absent: for "
            "ever.",
     .example = "720h"},
    {.path = "spec.sign.notation",
     .type = FIELD_OBJECT,
     .doc = "Sign as Notation does, too (JWS), beside cosign's forms.",
     .example = "{secretRef: {name: release-notation}, expiry: 720h}"},
    SECRET_REF_FIELDS(
        "spec.sign.notation.secretRef", true,
        "The Secret, as of type `kubernetes.io/tls`: `tls.crt` has the signer's "
        "certificate, then each issuer's, up to the root, which may stand in `ca.crt` "
        "instead; `tls.key` its key. Without `tls.key` the key that seals signs, also "
        "one of `pkcs11` or `command`, and the certificate must be for it."),
    {.path = "spec.sign.notation.expiry",
     .type = FIELD_DURATION,
     .min = 3600000,
     .doc = "How long a signature may be used; a fresh one is made when half of it is over. "
            "Absent: for ever.",
     .example = "720h"},

    {.path = "spec.rollback",
     .type = FIELD_OBJECT,
     .doc = "Whose rollbacks (`sealift rollback`) count beside those of the key that seals.",
     .example = "{keys: [{name: oncall, secretRef: {name: oncall-pub}}]}"},
    {.path = "spec.rollback.keys",
     .type = FIELD_LIST,
     .min = 1,
     .max = 32,
     .unique = true,
     .doc = "Keys that may take the tags of this Bundle back to an older artifact. The packager "
            "states it in its own name then, as policies expect.",
     .example = "[{name: oncall, secretRef: {name: oncall-pub}}]"},
    {.path = "spec.rollback.keys[]",
     .type = FIELD_OBJECT,
     .doc = "A key.",
     .example = "{name: oncall, secretRef: {name: oncall-pub}}"},
    KEY_FIELDS("spec.rollback.keys[]"),

    {.path = "spec.exportTo",
     .type = FIELD_LIST,
     .max = 256,
     .unique = true,
     .doc = "Other namespaces whose Syncs may follow this Bundle.",
     .example = "[shop]"},
    {.path = "spec.exportTo[]",
     .type = FIELD_STRING,
     .check = check_namespace,
     .doc = "A namespace.",
     .example = "shop"},
    {.path = "spec.notify",
     .type = FIELD_LIST,
     .max = 16,
     .doc = "Hooks with provider `sealift` to tell about a new artifact.",
     .example = "[{url: https://prod.example.com/hook/…, secretRef: {name: prod-hook}}]"},
    {.path = "spec.notify[]",
     .type = FIELD_OBJECT,
     .doc = "A hook.",
     .example = "{url: https://prod.example.com/hook/…, secretRef: {name: prod-hook}}"},
    {.path = "spec.notify[].url",
     .type = FIELD_STRING,
     .required = true,
     .max = 2048,
     .secret = true,
     .check = check_http_url,
     .doc = "Its address.",
     .example = "https://prod.example.com/hook/…"},
    {.path = "spec.notify[].secretRef",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "The Secret that holds its `token`.",
     .example = "{name: prod-hook}"},
    {.path = "spec.notify[].secretRef.name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "Name of the Secret.",
     .example = "prod-hook"},
};

static bool ref_is_not_one(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "branch", "tag", "semver", "commit", NULL) != 1;
}

static bool identity_without_layout(const json_t *value, const json_t *spec)
{
    (void)spec;
    return json_object_get(value, "identity") != NULL &&
           strncmp(jval_string_or(value, "repository", ""), "oci-layout:", 11) != 0;
}

static bool plain_http_to_layout(const json_t *value, const json_t *spec)
{
    (void)spec;
    return jval_bool(value, "insecure", false) &&
           strncmp(jval_string_or(value, "repository", ""), "oci-layout:", 11) == 0;
}

static bool signs_with_not_one(const json_t *value, const json_t *spec)
{
    (void)spec;
    bool secret = jval_get(value, "secretRef") != NULL, token = jval_get(value, "pkcs11") != NULL;
    return jval_get(value, "command") != NULL ? secret || token : !secret && !token;
}

static const struct field_rule rules[] = {
    {"spec.sign", signs_with_not_one,
     "one of secretRef, pkcs11 and command must be given; only pkcs11 takes a secretRef beside it, "
     "for the PIN",
     "has(self.command) ? !has(self.secretRef) && !has(self.pkcs11) : has(self.secretRef) || "
     "has(self.pkcs11)",
     NULL},
    {"spec.source.git.ref", ref_is_not_one,
     "exactly one of branch, tag, semver and commit must be given",
     "[has(self.branch), has(self.tag), has(self.semver), has(self.commit)].filter(x, x).size() == "
     "1",
     NULL},
    {"spec.artifact", identity_without_layout,
     "identity is for oci-layout:// repositories only; leave it out",
     "!has(self.identity) || !has(self.repository) || self.repository.startsWith('oci-layout:')",
     NULL},
    {"spec.artifact", plain_http_to_layout,
     "insecure is for registries; leave it out for an OCI layout",
     "!has(self.insecure) || !self.insecure || !has(self.repository) || "
     "!self.repository.startsWith('oci-layout:')",
     NULL},
    KEY_RULES("spec.rollback.keys[]"),
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct field status_fields[] = {
    STATUS_FIELDS,
    {.path = "status.source.revision",
     .type = FIELD_STRING,
     .doc = "The newest commit seen, as `<branch>@sha1:<commit>`."},
    {.path = "status.artifact.repository", .type = FIELD_STRING, .doc = "Where the artifact is."},
    {.path = "status.artifact.digest",
     .type = FIELD_STRING,
     .doc = "Digest of the artifact's manifest."},
    {.path = "status.artifact.revision",
     .type = FIELD_STRING,
     .doc = "The commit it was rendered from."},
    {.path = "status.artifact.tags", .type = FIELD_LIST, .doc = "The tags that point to it."},
    {.path = "status.artifact.size", .type = FIELD_INT, .doc = "Bytes of its layer, compressed."},
    {.path = "status.artifact.sequence",
     .type = FIELD_INT,
     .doc = "Sequence of its newest release statement."},
    {.path = "status.artifact.notation",
     .type = FIELD_OBJECT,
     .doc = "The Notation signature: by which `subject` and `certificate`, over which `digest`, "
            "`signedAt` what time, and the `signature` itself."},
    {.path = "status.artifact.rolledBack",
     .type = FIELD_OBJECT,
     .doc = "Somebody went back to it: `from` which digest, `at` what time, by which signer, and "
            "the `reason`. Until something else is rendered."},
    {.path = "status.history", .type = FIELD_LIST, .doc = "The last artifacts, newest first."},
};

const struct kind_table kind_bundle = {
    .kind = {"Bundle", "bundles", API_VERSION, true, true},
    .doc = "A Bundle follows a git repository and keeps one signed OCI artifact of what it says.",
    .example = "apiVersion: sealift.dev/v1alpha1\n"
               "kind: Bundle\n"
               "metadata:\n"
               "  name: shop\n"
               "  namespace: shop\n"
               "spec:\n"
               "  source:\n"
               "    git:\n"
               "      url: https://git.example.com/acme/config.git\n"
               "      ref:\n"
               "        branch: main\n"
               "  path: ./apps/shop/prod\n"
               "  artifact:\n"
               "    repository: oci://registry.example.com/acme/shop\n"
               "    tags:\n"
               "    - prod\n"
               "  sign:\n"
               "    secretRef:\n"
               "      name: packager-key\n",
    .fields = fields,
    .n_fields = ARRAY_LENGTH(fields),
    .rules = rules,
    .status_fields = status_fields,
    .n_status_fields = ARRAY_LENGTH(status_fields),
};
