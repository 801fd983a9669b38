// TrustPolicy: what must be proven before anything is touched.
#include "api/fields.h"

#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <string.h>

// Whole numbers that every JSON reader keeps exact.
#define MAX_COMPARED ((INT64_C(1) << 53) - 1)

static const struct field fields[] = {
    OBJECT_FIELDS,
    {.path = "spec.match",
     .type = FIELD_OBJECT,
     .fallback = "{}",
     .doc = "Which Syncs it governs; empty: all.",
     .example = "{namespaces: {matchLabels: {env: prod}}}"},
    {.path = "spec.match.namespaces",
     .type = FIELD_OBJECT,
     .doc = "By labels of the Sync's namespace or of any that it may write to; absent or empty "
            "selects all.",
     .example = "{matchLabels: {env: prod}}"},
    SELECTOR_FIELDS("spec.match.namespaces"),
    {.path = "spec.match.repositories",
     .type = FIELD_LIST,
     .max = 128,
     .unique = true,
     .doc = "Repositories that a governed Sync may use: `*` within a segment, `**` across; absent "
            "or empty: all.",
     .example = "[registry.example.com/acme/*]"},
    {.path = "spec.match.repositories[]",
     .type = FIELD_STRING,
     .max = 512,
     .check = check_repository_pattern,
     .doc = "A pattern.",
     .example = "registry.example.com/acme/*"},

    {.path = "spec.require",
     .type = FIELD_LIST,
     .required = true,
     .min = 1,
     .max = 8,
     .unique = true,
     .doc = "Every entry must be met; a signer counts for one entry only.",
     .example = "[{name: packager, attests: true, keys: [...]}]"},
    {.path = "spec.require[]",
     .type = FIELD_OBJECT,
     .doc = "An entry.",
     .example = "{name: packager, attests: true, keys: [...]}"},
    {.path = "spec.require[].name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "How messages call it.",
     .example = "packager"},
    {.path = "spec.require[].attests",
     .type = FIELD_BOOL,
     .fallback = "false",
     .doc = "Its release statements decide channel, age and source. At most one entry.",
     .example = "true"},
    {.path = "spec.require[].approves",
     .type = FIELD_BOOL,
     .fallback = "false",
     .doc = "Only approvals count (`sealift approve`), each for the channel that it names; a plain "
            "signature, which names none, does not.",
     .example = "true"},
    {.path = "spec.require[].threshold",
     .type = FIELD_INT,
     .fallback = "1",
     .min = 1,
     .max = 32,
     .doc = "How many of its signers must have signed.",
     .example = "2"},
    {.path = "spec.require[].anyRepository",
     .type = FIELD_BOOL,
     .fallback = "false",
     .doc = "Count signatures that name no repository although no entry attests.",
     .example = "true"},
    {.path = "spec.require[].keys",
     .type = FIELD_LIST,
     .min = 1,
     .max = 32,
     .unique = true,
     .doc = "Its signers by key. A `secretRef` is in the controller's namespace.",
     .example = "[{name: packager, secretRef: {name: packager-pub}}]"},
    {.path = "spec.require[].keys[]",
     .type = FIELD_OBJECT,
     .doc = "A key.",
     .example = "{name: packager, secretRef: {name: packager-pub}}"},
    KEY_FIELDS("spec.require[].keys[]"),
    {.path = "spec.require[].keyless",
     .type = FIELD_LIST,
     .min = 1,
     .max = 32,
     .doc = "Its signers by identity, as Sigstore certificates (Fulcio) name them. Where `attests` "
            "is set, what a certificate says of repository and ref must agree with `spec.source`.",
     .example = "[{issuer: https://accounts.example.com, subject: ci@example.com}]"},
    {.path = "spec.require[].keyless[]",
     .type = FIELD_OBJECT,
     .doc = "An identity.",
     .example = "{issuer: https://accounts.example.com, subject: ci@example.com}"},
    {.path = "spec.require[].keyless[].issuer",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_issuer,
     .doc = "The OpenID issuer that vouches for the identity, written out.",
     .example = "https://accounts.example.com"},
    {.path = "spec.require[].keyless[].subject",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_subject_pattern,
     .doc = "The whole identity: an e-mail address, or the URI of a workflow; `*` matches between "
            "slashes, `**` across. What matches a pattern is as many signers as there are "
            "identities.",
     .example = "https://git.example.com/acme/config/.ci/release.yml@refs/heads/main"},
    {.path = "spec.require[].notation",
     .type = FIELD_OBJECT,
     .doc = "Its signers by Notation, as a statement of Notation's trust policy document with the "
            "level strict names them. A Notation signature names neither repository nor channel, "
            "so another entry must attest, or this one say `anyRepository`.",
     .example = "{trustStores: [{name: \"ca:acme\", secretRef: {name: acme-ca}}], "
                "trustedIdentities: [\"x509.subject: C=US, ST=WA, O=acme\"]}"},
    {.path = "spec.require[].notation.trustStores",
     .type = FIELD_LIST,
     .required = true,
     .min = 1,
     .max = 16,
     .unique = true,
     .doc = "Who certifies signers and stamps signatures.",
     .example = "[{name: \"ca:acme\", secretRef: {name: acme-ca}}]"},
    {.path = "spec.require[].notation.trustStores[]",
     .type = FIELD_OBJECT,
     .doc = "A trust store.",
     .example = "{name: \"ca:acme\", secretRef: {name: acme-ca}}"},
    {.path = "spec.require[].notation.trustStores[].name",
     .type = FIELD_STRING,
     .required = true,
     .max = 270,
     .check = check_trust_store,
     .doc = "Type and name: `ca:`, `signingAuthority:` or `tsa:` (timestamps), and a name. Where a "
            "tsa store is given, signatures must be stamped.",
     .example = "\"ca:acme\""},
    {.path = "spec.require[].notation.trustStores[].pem",
     .type = FIELD_STRING,
     .max = 8192,
     .secret = true,
     .check = check_pem,
     .doc = "The certificates themselves.",
     .example = "\"-----BEGIN CERTIFICATE-----\\n…\""},
    SECRET_REF_FIELDS("spec.require[].notation.trustStores[].secretRef", false,
                      "The Secret, in the controller's namespace, that holds them under keys that "
                      "end in `.crt`, `.cer` or `.pem`."),
    {.path = "spec.require[].notation.trustedIdentities",
     .type = FIELD_LIST,
     .required = true,
     .min = 1,
     .max = 32,
     .unique = true,
     .doc = "Whose certificates count: those whose subject has all of the parts named, or `*` for "
            "every one that the trust stores vouch for. Each subject is a signer of its own.",
     .example = "[\"x509.subject: C=US, ST=WA, O=acme, CN=release\"]"},
    {.path = "spec.require[].notation.trustedIdentities[]",
     .type = FIELD_STRING,
     .max = 1024,
     .check = check_notation_identity,
     .doc = "A distinguished name with C, ST and O at least, after `x509.subject:`, or `*`.",
     .example = "\"x509.subject: C=US, ST=WA, O=acme, CN=release\""},
    {.path = "spec.require[].notation.verifyTimestamp",
     .type = FIELD_ENUM,
     .choices = "always|afterCertExpiry",
     .fallback = "\"always\"",
     .doc = "When a signature must be stamped, where a tsa store is given.",
     .example = "afterCertExpiry"},
    {.path = "spec.require[].notation.revocation",
     .type = FIELD_ENUM,
     .choices = "enforce|log|skip",
     .fallback = "\"enforce\"",
     .doc = "What a revoked certificate means, and one of which it cannot be told: `log` only says "
            "it in `verify --explain`. Nothing is asked over the network; give `crls`.",
     .example = "enforce"},
    {.path = "spec.require[].notation.crls",
     .type = FIELD_OBJECT,
     .doc = "Revocation lists of the issuers.",
     .example = "{secretRef: {name: acme-crls}}"},
    SECRET_REF_FIELDS("spec.require[].notation.crls.secretRef", true,
                      "The Secret, in the controller's namespace, that holds them (PEM or DER) "
                      "under keys that end in `.crl`."),

    {.path = "spec.trustedRoot",
     .type = FIELD_OBJECT,
     .doc = "Who certifies, logs and stamps keyless signatures; absent: Sigstore's public "
            "instance as this version knows it. Nothing is asked over the network.",
     .example = "{secretRef: {name: sigstore-root}}"},
    SECRET_REF_FIELDS("spec.trustedRoot.secretRef", true,
                      "The Secret, in the controller's namespace, that holds the trusted root "
                      "under `trusted_root.json`."),

    {.path = "spec.source",
     .type = FIELD_OBJECT,
     .doc = "What the attested statements must say of the artifact's source.",
     .example = "{repository: https://git.example.com/acme/config.git, refs: [main]}"},
    {.path = "spec.source.repository",
     .type = FIELD_STRING,
     .max = 2048,
     .secret = true,
     .check = check_git_identity,
     .doc = "The git repository.",
     .example = "https://git.example.com/acme/config.git"},
    {.path = "spec.source.refs",
     .type = FIELD_LIST,
     .max = 64,
     .unique = true,
     .doc = "Branches, or tags as `refs/tags/…`; `*` and `**` match.",
     .example = "[main]"},
    {.path = "spec.source.refs[]",
     .type = FIELD_STRING,
     .max = 255,
     .check = check_ref_pattern,
     .doc = "A ref.",
     .example = "main"},
    {.path = "spec.source.paths",
     .type = FIELD_LIST,
     .max = 64,
     .unique = true,
     .doc = "Paths of the repository; `*` and `**` match.",
     .example = "[apps/shop/prod]"},
    {.path = "spec.source.paths[]",
     .type = FIELD_STRING,
     .max = 1024,
     .check = check_path_pattern,
     .doc = "A path.",
     .example = "apps/shop/prod"},
    {.path = "spec.source.channels",
     .type = FIELD_LIST,
     .max = 64,
     .unique = true,
     .doc =
         "Channels that may enter, so that staging cannot be put on prod by writing another tag.",
     .example = "[prod]"},
    {.path = "spec.source.channels[]",
     .type = FIELD_STRING,
     .check = check_tag,
     .doc = "A channel.",
     .example = "prod"},

    {.path = "spec.mirrors",
     .type = FIELD_LIST,
     .max = 32,
     .doc = "Repositories that hold copies: what was signed for the original counts there, too. "
            "Otherwise a signature for one repository is none for another.",
     .example = "[{repository: mirror.example.com/acme, of: registry.example.com/acme}]"},
    {.path = "spec.mirrors[]",
     .type = FIELD_OBJECT,
     .doc = "A copy, or all copies below a folder.",
     .example = "{repository: mirror.example.com/acme, of: registry.example.com/acme}"},
    {.path = "spec.mirrors[].repository",
     .type = FIELD_STRING,
     .required = true,
     .max = 512,
     .check = check_registry_name,
     .doc = "Where the copies are: this repository, and all below it.",
     .example = "mirror.example.com/acme"},
    {.path = "spec.mirrors[].of",
     .type = FIELD_STRING,
     .required = true,
     .max = 512,
     .check = check_registry_name,
     .doc = "What its signatures name in its place.",
     .example = "registry.example.com/acme"},

    {.path = "spec.attestations",
     .type = FIELD_LIST,
     .max = 8,
     .unique = true,
     .doc = "What others must have attested about the artifact: scans, test results, provenance of "
            "another builder. Every entry must be met.",
     .example = "[{name: scan, type: vuln, maxAge: 72h, keys: [...]}]"},
    {.path = "spec.attestations[]",
     .type = FIELD_OBJECT,
     .doc = "A statement that must be there. Where such statements say when they were made, the "
            "newest of its signers decides; where they do not, all of them must be as required.",
     .example = "{name: scan, type: vuln, maxAge: 72h, keys: [...]}"},
    {.path = "spec.attestations[].name",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_name,
     .doc = "How messages call it.",
     .example = "scan"},
    {.path = "spec.attestations[].type",
     .type = FIELD_STRING,
     .required = true,
     .max = 512,
     .check = check_predicate_type,
     .doc =
         "Its predicate type: a URI, or cosign's name for it (`vuln`, `slsaprovenance`, "
         "`slsaprovenance1`, `spdx`, `cyclonedx`, `openvex`, `link`, `custom`) or `test-result`.",
     .example = "vuln"},
    {.path = "spec.attestations[].from",
     .type = FIELD_STRING,
     .max = 253,
     .check = check_name,
     .doc = "The entry of `require` whose signers it must be from, instead of keys of its own.",
     .example = "packager"},
    {.path = "spec.attestations[].keys",
     .type = FIELD_LIST,
     .min = 1,
     .max = 16,
     .unique = true,
     .doc = "Who may sign it. They count for nothing else.",
     .example = "[{name: scanner, secretRef: {name: scanner-pub}}]"},
    {.path = "spec.attestations[].keys[]",
     .type = FIELD_OBJECT,
     .doc = "A key.",
     .example = "{name: scanner, secretRef: {name: scanner-pub}}"},
    KEY_FIELDS("spec.attestations[].keys[]"),
    {.path = "spec.attestations[].keyless",
     .type = FIELD_LIST,
     .min = 1,
     .max = 16,
     .doc = "Who may sign it, by identity, as in `require`.",
     .example = "[{issuer: https://accounts.example.com, subject: scanner@example.com}]"},
    {.path = "spec.attestations[].keyless[]",
     .type = FIELD_OBJECT,
     .doc = "An identity.",
     .example = "{issuer: https://accounts.example.com, subject: scanner@example.com}"},
    {.path = "spec.attestations[].keyless[].issuer",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_issuer,
     .doc = "The OpenID issuer that vouches for the identity, written out.",
     .example = "https://accounts.example.com"},
    {.path = "spec.attestations[].keyless[].subject",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_subject_pattern,
     .doc = "The whole identity; `*` matches between slashes, `**` across.",
     .example = "scanner@example.com"},
    {.path = "spec.attestations[].maxAge",
     .type = FIELD_DURATION,
     .min = 1000,
     .doc = "How old it may be.",
     .example = "72h"},
    {.path = "spec.attestations[].time",
     .type = FIELD_STRING,
     .max = 1024,
     .check = check_value_path,
     .doc = "Where in its predicate the time stands at which it was made (RFC 3339); absent: where "
            "its type has it.",
     .example = "/metadata/scanFinishedOn"},
    {.path = "spec.attestations[].values",
     .type = FIELD_LIST,
     .max = 32,
     .doc = "What must hold of its predicate, all of it.",
     .example = "[{path: /scanner/result/critical, atMost: 0}]"},
    {.path = "spec.attestations[].values[]",
     .type = FIELD_OBJECT,
     .doc = "A condition: a path and one or more comparisons.",
     .example = "{path: /scanner/result/critical, atMost: 0}"},
    {.path = "spec.attestations[].values[].path",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_value_path,
     .doc = "A JSON pointer into the predicate. `*` as a step is every member or element, and the "
            "comparison must hold for each; a text that holds JSON is read as that.",
     .example = "/scanner/result/Results/*/Vulnerabilities/*/Severity"},
    {.path = "spec.attestations[].values[].exists",
     .type = FIELD_BOOL,
     .doc = "Whether there must be something, or must not.",
     .example = "true"},
    {.path = "spec.attestations[].values[].equals",
     .type = FIELD_SCALAR,
     .max = 1024,
     .doc = "It must be this text, number or boolean.",
     .example = "passed"},
    {.path = "spec.attestations[].values[].notEquals",
     .type = FIELD_SCALAR,
     .max = 1024,
     .doc = "It must be there, and something else.",
     .example = "failed"},
    {.path = "spec.attestations[].values[].in",
     .type = FIELD_LIST,
     .max = 64,
     .doc = "It must be one of these.",
     .example = "[passed, skipped]"},
    {.path = "spec.attestations[].values[].in[]",
     .type = FIELD_SCALAR,
     .max = 1024,
     .doc = "A value.",
     .example = "passed"},
    {.path = "spec.attestations[].values[].notIn",
     .type = FIELD_LIST,
     .max = 64,
     .doc = "It must be none of these.",
     .example = "[CRITICAL, HIGH]"},
    {.path = "spec.attestations[].values[].notIn[]",
     .type = FIELD_SCALAR,
     .max = 1024,
     .doc = "A value.",
     .example = "CRITICAL"},
    {.path = "spec.attestations[].values[].lessThan",
     .type = FIELD_INT,
     .min = -MAX_COMPARED,
     .max = MAX_COMPARED,
     .doc = "It must be a number below this one.",
     .example = "0"},
    {.path = "spec.attestations[].values[].atMost",
     .type = FIELD_INT,
     .min = -MAX_COMPARED,
     .max = MAX_COMPARED,
     .doc = "It must be a number no higher than this one.",
     .example = "0"},
    {.path = "spec.attestations[].values[].greaterThan",
     .type = FIELD_INT,
     .min = -MAX_COMPARED,
     .max = MAX_COMPARED,
     .doc = "It must be a number above this one.",
     .example = "0"},
    {.path = "spec.attestations[].values[].atLeast",
     .type = FIELD_INT,
     .min = -MAX_COMPARED,
     .max = MAX_COMPARED,
     .doc = "It must be a number no lower than this one.",
     .example = "0"},

    {.path = "spec.deny",
     .type = FIELD_OBJECT,
     .doc =
         "What counts nowhere, whichever policy or Sync lists it: for every Sync that this policy "
         "governs, also one whose repository `match.repositories` does not name.",
     .example = "{digests: [{digest: sha256:…, reason: CVE-2026-1234}]}"},
    {.path = "spec.deny.keys",
     .type = FIELD_LIST,
     .min = 1,
     .max = 256,
     .doc = "Keys that sign nothing any more.",
     .example = "[{fingerprint: sha256:…, reason: stolen}]"},
    {.path = "spec.deny.keys[]",
     .type = FIELD_OBJECT,
     .doc = "A key, by its fingerprint, by the name that any policy lists it under, or both.",
     .example = "{fingerprint: sha256:…, reason: stolen}"},
    {.path = "spec.deny.keys[].name",
     .type = FIELD_STRING,
     .max = 253,
     .check = check_name,
     .doc = "The key that is listed under this name; it is denied under every other name, too.",
     .example = "ci-2025"},
    {.path = "spec.deny.keys[].fingerprint",
     .type = FIELD_STRING,
     .check = check_digest,
     .doc =
         "SHA-256 of its SubjectPublicKeyInfo, whatever it is written as: `openssl pkey -pubin -in "
         "cosign.pub -outform DER | sha256sum`.",
     .example = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
    {.path = "spec.deny.keys[].reason",
     .type = FIELD_STRING,
     .max = 512,
     .doc = "Why, for people: messages repeat it.",
     .example = "stolen"},
    {.path = "spec.deny.keyless",
     .type = FIELD_LIST,
     .min = 1,
     .max = 256,
     .doc = "Identities that sign nothing any more, though a pattern lists them.",
     .example = "[{issuer: https://accounts.example.com, subject: mallory@example.com}]"},
    {.path = "spec.deny.keyless[]",
     .type = FIELD_OBJECT,
     .doc = "An identity.",
     .example = "{issuer: https://accounts.example.com, subject: scanner@example.com}"},
    {.path = "spec.deny.keyless[].issuer",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_issuer,
     .doc = "The OpenID issuer that vouches for the identity, written out.",
     .example = "https://accounts.example.com"},
    {.path = "spec.deny.keyless[].subject",
     .type = FIELD_STRING,
     .required = true,
     .max = 1024,
     .check = check_subject_pattern,
     .doc = "The whole identity; `*` matches between slashes, `**` across.",
     .example = "scanner@example.com"},
    {.path = "spec.deny.keyless[].reason",
     .type = FIELD_STRING,
     .max = 512,
     .doc = "Why, for people: messages repeat it.",
     .example = "has left"},
    {.path = "spec.deny.certificates",
     .type = FIELD_LIST,
     .min = 1,
     .max = 256,
     .doc = "Certificates whose signatures count no more.",
     .example = "[{serial: 4f:3c:2b:1a, issuer: \"CN=sigstore-intermediate,O=sigstore.dev\"}]"},
    {.path = "spec.deny.certificates[]",
     .type = FIELD_OBJECT,
     .doc = "A certificate.",
     .example = "{serial: 4f:3c:2b:1a}"},
    {.path = "spec.deny.certificates[].serial",
     .type = FIELD_STRING,
     .required = true,
     .max = 253,
     .check = check_serial,
     .doc = "Its serial number in hex digits, with colons or without (quote it, so that YAML takes "
            "it for text).",
     .example = "\"4f:3c:2b:1a\""},
    {.path = "spec.deny.certificates[].issuer",
     .type = FIELD_STRING,
     .max = 1024,
     .doc = "The name of the authority that issued it, as `openssl x509 -noout -issuer` shows it; "
            "absent: whichever did.",
     .example = "CN=sigstore-intermediate,O=sigstore.dev"},
    {.path = "spec.deny.certificates[].reason",
     .type = FIELD_STRING,
     .max = 512,
     .doc = "Why, for people: messages repeat it.",
     .example = "issued by mistake"},
    {.path = "spec.deny.digests",
     .type = FIELD_LIST,
     .min = 1,
     .max = 1024,
     .doc = "Artifacts that are let in no more, whoever signed them.",
     .example = "[{digest: sha256:…, reason: CVE-2026-1234}]"},
    {.path = "spec.deny.digests[]",
     .type = FIELD_OBJECT,
     .doc = "An artifact.",
     .example = "{digest: sha256:…, reason: CVE-2026-1234}"},
    {.path = "spec.deny.digests[].digest",
     .type = FIELD_STRING,
     .required = true,
     .check = check_digest,
     .doc = "Of its manifest, as `status.artifact.digest` has it.",
     .example = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
    {.path = "spec.deny.digests[].reason",
     .type = FIELD_STRING,
     .max = 512,
     .doc = "Why, for people: messages repeat it.",
     .example = "CVE-2026-1234"},

    {.path = "spec.freshness",
     .type = FIELD_OBJECT,
     .doc = "How old a release may be.",
     .example = "{maxAge: 720h}"},
    {.path = "spec.freshness.maxAge",
     .type = FIELD_DURATION,
     .min = 1000,
     .doc = "The oldest release statement that is adopted. Longer than the Bundle's "
            "`artifact.renew`.",
     .example = "720h"},
    {.path = "spec.freshness.rollback",
     .type = FIELD_ENUM,
     .choices = "Deny|Allow",
     .fallback = "\"Deny\"",
     .doc = "`Deny` refuses an older release than the newest one adopted, unless it was released "
            "again (`sealift rollback`). `Allow` lets whoever may write tags of the registry go "
            "back to anything that meets the policies; it counts where all that govern say so.",
     .example = "Deny"},

    {.path = "spec.onRevoke",
     .type = FIELD_ENUM,
     .choices = "Hold|Rollback",
     .fallback = "\"Hold\"",
     .doc = "What becomes of an artifact that runs and no longer meets the policy: `Hold` leaves "
            "what is there as it is, and applies and heals nothing of it; `Rollback` puts the last "
            "one in its place that the Sync adopted and that meets every policy now.",
     .example = "Rollback"},
};

static int count_attesting(const json_t *spec)
{
    int count = 0;
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(spec, "require"), i, entry)
        count += jval_bool(entry, "attests", false);
    return count;
}

static bool several_attest(const json_t *value, const json_t *spec)
{
    (void)value;
    return count_attesting(spec) > 1;
}

static bool nobody_attests(const json_t *value, const json_t *spec)
{
    (void)value;
    return count_attesting(spec) == 0;
}

static bool nobody_signs(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "keys", "keyless", "notation", NULL) == 0;
}

static bool threshold_out_of_reach(const json_t *value, const json_t *spec)
{
    const json_t *identities = json_object_get(value, "keyless");
    size_t i;
    json_t *identity;
    if (nobody_signs(value, spec) || json_object_get(value, "notation") != NULL)
        return false;
    // A pattern may match any number of signers.
    json_array_foreach (identities, i, identity) {
        if (strchr(jval_string_or(identity, "subject", ""), '*') != NULL)
            return false;
    }
    return jval_int(value, "threshold", 1) >
           (int64_t)(json_array_size(json_object_get(value, "keys")) + json_array_size(identities));
}

static bool attests_and_approves(const json_t *value, const json_t *spec)
{
    (void)spec;
    return jval_bool(value, "attests", false) && jval_bool(value, "approves", false);
}

static bool notation_alone_states(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "notation", NULL) == 1 &&
           count_members(value, "keys", "keyless", NULL) == 0 &&
           (jval_bool(value, "attests", false) || jval_bool(value, "approves", false));
}

static bool notation_without_repository(const json_t *value, const json_t *spec)
{
    size_t i;
    json_t *entry;
    bool found = false;
    json_array_foreach (json_object_get(value, "require"), i, entry)
        found = found || (json_object_get(entry, "notation") != NULL &&
                          !jval_bool(entry, "anyRepository", false));
    return found && count_attesting(spec) == 0;
}

static bool has_not_one_origin(const json_t *value, const json_t *spec)
{
    (void)spec;
    bool from = json_object_get(value, "from") != NULL;
    return from == (count_members(value, "keys", "keyless", NULL) > 0);
}

static bool is_entry(const json_t *spec, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(spec, "require"), i, entry) {
        if (strcmp(jval_string_or(entry, "name", ""), name) == 0)
            return true;
    }
    return false;
}

static bool names_no_entry(const json_t *value, const json_t *spec)
{
    size_t i;
    json_t *wanted;
    json_array_foreach (json_object_get(value, "attestations"), i, wanted) {
        const char *from = jval_string(wanted, "from");
        if (from != NULL && !is_entry(spec, from))
            return true;
    }
    return false;
}

static bool compares_nothing(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "exists", "equals", "notEquals", "in", "notIn", "lessThan",
                         "atMost", "greaterThan", "atLeast", NULL) == 0;
}

static bool denies_no_key(const json_t *value, const json_t *spec)
{
    (void)spec;
    return count_members(value, "name", "fingerprint", NULL) == 0;
}

static const struct field_rule rules[] = {
    {"spec", several_attest, "at most one entry of require may have attests: true",
     "!has(self.require) || self.require.filter(x, has(x.attests) && x.attests).size() <= 1", NULL},
    {"spec.source", nobody_attests,
     "it is judged on statements of an entry with attests: true; set that on one entry of require",
     "!has(self.source) || !has(self.require) || self.require.exists(x, has(x.attests) && "
     "x.attests)",
     "spec"},
    {"spec.freshness", nobody_attests,
     "it is judged on statements of an entry with attests: true; set that on one entry of require",
     "!has(self.freshness) || !has(self.require) || self.require.exists(x, has(x.attests) && "
     "x.attests)",
     "spec"},
    {"spec.require[]", attests_and_approves,
     "attests and approves exclude each other: who makes a release does not approve it; write two "
     "entries",
     "!has(self.attests) || !has(self.approves) || !self.attests || !self.approves", NULL},
    {"spec.require[]", nobody_signs, "it needs signers: keys, keyless identities or notation",
     "has(self.keys) || has(self.keyless) || has(self.notation)", NULL},
    {"spec.require[]", notation_alone_states,
     "a Notation signature is about the artifact alone: it neither attests nor approves; list keys "
     "or keyless identities whose statements count, or write two entries",
     "!has(self.notation) || has(self.keys) || has(self.keyless) || !((has(self.attests) && "
     "self.attests) || (has(self.approves) && self.approves))",
     NULL},
    {"spec", notation_without_repository,
     "a Notation signature names no repository; set attests: true on the entry whose release "
     "statements do, or anyRepository: true beside notation",
     "!has(self.require) || self.require.exists(x, has(x.attests) && x.attests) || "
     "self.require.all(x, !has(x.notation) || (has(x.anyRepository) && x.anyRepository))",
     NULL},
    {"spec.require[].notation.trustStores[]", rule_key_not_one_source,
     "exactly one of pem and secretRef must be given: the certificates themselves, or the Secret "
     "they are in",
     "has(self.pem) != has(self.secretRef)", NULL},
    {"spec.require[]", threshold_out_of_reach,
     "threshold is higher than the number of keys and identities, so it can never be met",
     "!has(self.threshold) || has(self.notation) || (!has(self.keys) && !has(self.keyless)) || "
     "(has(self.keyless) && "
     "self.keyless.exists(x, has(x.subject) && x.subject.contains('*'))) || self.threshold <= "
     "(has(self.keys) ? size(self.keys) : 0) + (has(self.keyless) ? size(self.keyless) : 0)",
     NULL},
    KEY_RULES("spec.require[].keys[]"),
    {"spec.attestations[]", has_not_one_origin,
     "it needs signers: either keys and keyless identities of its own, or from, an entry of "
     "require",
     "has(self.from) != (has(self.keys) || has(self.keyless))", NULL},
    {"spec", names_no_entry, "from of an attestation must name an entry of require",
     "!has(self.attestations) || !has(self.require) || self.attestations.all(x, !has(x.from) || "
     "self.require.exists(y, has(y.name) && y.name == x.from))",
     NULL},
    // The API server's expressions see no member that may be of several types, so that it takes
    // such a condition; the policy that has one is not Ready then.
    {"spec.attestations[].values[]", compares_nothing,
     "it compares nothing; add equals, in, atMost or exists", "size(self.path) >= 0", NULL},
    KEY_RULES("spec.attestations[].keys[]"),
    {"spec.deny.keys[]", denies_no_key, "it needs a name, a fingerprint, or both",
     "has(self.name) || has(self.fingerprint)", NULL},
};

static const struct field status_fields[] = {STATUS_FIELDS};

const struct kind_table kind_trust_policy = {
    .kind = {"TrustPolicy", "trustpolicies", API_VERSION, false, true},
    .doc = "A TrustPolicy says who must have signed what a Sync applies. It is cluster-scoped, so "
           "that tenants can neither weaken nor leave it.",
    .example = "apiVersion: sealift.dev/v1alpha1\n"
               "kind: TrustPolicy\n"
               "metadata:\n"
               "  name: prod\n"
               "spec:\n"
               "  match:\n"
               "    namespaces:\n"
               "      matchLabels:\n"
               "        env: prod\n"
               "    repositories:\n"
               "    - registry.example.com/acme/*\n"
               "  require:\n"
               "  - name: packager\n"
               "    attests: true\n"
               "    keys:\n"
               "    - name: packager\n"
               "      secretRef:\n"
               "        name: packager-pub\n"
               "  source:\n"
               "    repository: https://git.example.com/acme/config.git\n"
               "    channels:\n"
               "    - prod\n"
               "  freshness:\n"
               "    maxAge: 720h\n",
    .fields = fields,
    .n_fields = ARRAY_LENGTH(fields),
    .rules = rules,
    .n_rules = ARRAY_LENGTH(rules),
    .status_fields = status_fields,
    .n_status_fields = ARRAY_LENGTH(status_fields),
};
