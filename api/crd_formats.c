// The checks of api/formats.c once more, as CEL. A rule here may be laxer than its check (what
// slips through is found by the controller, which says so in the object's status), never stricter.
#include "api/crd_internal.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

// Pieces of regular expressions (RE2).
#define HOST "(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+)(:[0-9]{0,5})?"
#define SEGMENT "[^/\\x00-\\x20\\x7f?#\\\\]+"
#define GIT_PATH SEGMENT "(/" SEGMENT ")*/*$"
#define USER "([^/\\x00-\\x20\\x7f?#\\\\]*@)?"
#define REGISTRY_HOST \
    "((\\[[0-9a-f:.]+\\]|[a-z0-9._-]+):[0-9]{1,5}|\\[[0-9a-f:.]+\\]|[a-z0-9_-]*\\.[a-z0-9._-]*)/"
#define REGISTRY_PATH "[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*"
// As api/identity.c reads it: neither tag nor digest, lower case.
#define NOT_DOTS "!self.matches('(^|[^/:])[/:][.]{1,2}(/|$)')"

#define TAG_ADVICE "names a tag or digest; a repository stands without one, it has its own field"
#define NO_CONTROL(of) "!" of ".matches(r'[\\x00-\\x1f\\x7f]')"
#define CONTROL_ADVICE "holds a control character; take it out"
#define PASSWORD_ADVICE \
    "holds a password; take it out, put it into a Secret and name that in secretRef"
#define USER_ADVICE \
    "names a user; take it out, put the credentials into a Secret and name that in secretRef"
#define REGISTRY_NAME_HOLDS "self.matches(r'^(oci://)?(" REGISTRY_HOST ")?" REGISTRY_PATH "$')"
#define NO_PASSWORD "!self.matches('^[^/:]+://[^/:]*:[^/]*@')"
#define NO_TAG "!self.matches('^(oci://)?(.*/)?[^/]*:[^/]*$') && !self.contains('@')"
#define LAYOUT_PATH "self.substring(13)"
#define QUOTED_LAYOUT_PATH \
    "'\"' + (size(self) > 113 ? self.substring(13, 113) : self.substring(13)) + '\" "

enum { MAX_CONDITIONS = 8 };

struct clause {
    const char *holds;
    const char *sentence;   // what follows the field's value …
    bool unquoted;          // … or its name
    const char *expression; // a CEL expression instead of the sentence
};

struct format {
    field_check *check;
    int64_t max_length; // 0: what the row says
    struct clause clauses[MAX_CONDITIONS];
};

static const struct format formats[] = {
    {check_name,
     0,
     {{"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
       "is no name; use lower-case letters, digits, - and ., at most 253", false, NULL}}},
    {check_namespace,
     253,
     {{"self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",
       "is no name of a namespace; use lower-case letters, digits and -, at most 63", false,
       NULL}}},
    {check_git_url,
     0,
     {{"!self.matches('^(https|http|ssh)://') || " NO_PASSWORD, PASSWORD_ADVICE, true, NULL},
      {"!self.matches('^https?://[^/]*@')", USER_ADVICE, true, NULL},
      {"self.contains('://') || !self.matches(r'^" USER HOST ":/*" GIT_PATH "')", NULL, false,
       "'is in scp\\'s form; write it like ssh://' + self.substring(0, self.indexOf(':')) + '/' + "
       "(self.substring(self.indexOf(':') + 1).startsWith('/') ? "
       "self.substring(self.indexOf(':') + 2) : self.substring(self.indexOf(':') + 1))"},
      {"self.matches(r'^((https|http|ssh)://" USER HOST "|file://)/+" GIT_PATH "') && " NOT_DOTS,
       "is no git URL; write it like https://git.example.com/acme/config.git, or with http://, "
       "ssh:// or file://",
       true, NULL}}},
    {check_git_identity,
     0,
     {{NO_PASSWORD, PASSWORD_ADVICE, true, NULL},
      {NOT_DOTS " && (self.matches(r'^((?i:(git[+])?(https|http|ssh|git)://)" USER HOST
                "|(?i:(git[+])?file)://(localhost)?)/+" GIT_PATH
                "') || (!self.contains('://') && (self.matches(r'^/+" GIT_PATH
                "') || self.matches(r'^" USER HOST ":/*" GIT_PATH
                "') || (self.matches(r'^" USER HOST "/+" GIT_PATH
                "') && self.matches('^(localhost/|[^/]*[.:])')))))",
       "is no git repository; write it like https://git.example.com/acme/config.git", true, NULL}}},
    {check_git_ref,
     0,
     {{"!self.startsWith('refs/')", "is a full ref; write the short name, like main", false, NULL},
      {"self.matches(r'^[^\\x00-\\x20\\x7f~^:?*\\[\\\\]+$') && "
       "!self.matches(r'^[-/.]|[/.]$|[.][.]|//|@[{]|/[.]')",
       "is no name that git allows; write it like main", false, NULL}}},
    {check_ref_pattern,
     0,
     {{"self.matches(r'^[^\\x00-\\x20\\x7f~^:?\\[\\\\]+$') && "
       "!self.matches(r'^[-/.]|[/.]$|[.][.]|//|@[{]|/[.]')",
       "is no ref; write it like main, release/* or refs/tags/v*", false, NULL}}},
    {check_commit,
     253,
     {{"self.matches('^([0-9a-f]{40}|[0-9a-f]{64})$')",
       "is no commit; write all 40 (SHA-256: 64) lower-case hex digits", false, NULL}}},
    {check_semver_range,
     0,
     {{"self.matches('^[-0-9A-Za-z.*^~<>=!|, +]*$')",
       "is no range of versions; write it like \">=1.2 <2\"", false, NULL},
      {"self.matches('[0-9*xX]')", "names no version; write it like \">=1.2 <2\"", false, NULL}}},
    {check_repository,
     0,
     {{"!self.startsWith('oci-layout:///') || (!self.matches(':[^/]*$') && !self.contains('@'))",
       TAG_ADVICE, false, NULL},
      {"!self.startsWith('oci-layout:///') || " NO_CONTROL(LAYOUT_PATH), NULL, false,
       QUOTED_LAYOUT_PATH CONTROL_ADVICE "'"},
      {"!self.startsWith('oci-layout:///') || !" LAYOUT_PATH ".matches('^/*$')", NULL, false,
       QUOTED_LAYOUT_PATH "is the root of all; name a folder below it'"},
      {"!self.startsWith('oci-layout:///') || !self.matches('/[.][.](/|$)')", NULL, false,
       QUOTED_LAYOUT_PATH "holds ..; write where it leads'"},
      {"self.contains('://') || self.matches('^oci(-layout)?:') || !self.matches(r'^(" HOST
       "/)?" REGISTRY_PATH "(:[A-Za-z0-9._-]+)?(@.*)?$')",
       NULL, false, "'needs its scheme; write it like oci://' + self"},
      {"self.startsWith('oci-layout:///') || self.startsWith('oci://')",
       "is no repository; write it like oci://registry.example.com/acme/shop or "
       "oci-layout:///srv/shop",
       true, NULL}}},
    {check_registry_name,
     0,
     {{"!self.matches('^(oci://)?[^/]*@')",
       "holds credentials; take them out, put them into a Secret and name that in secretRef", true,
       NULL},
      {NO_TAG, TAG_ADVICE, false, NULL},
      {"!self.matches('[A-Z]')", "must be in lower case", false, NULL},
      {REGISTRY_NAME_HOLDS, "is no repository; write it like registry.example.com/acme/shop", false,
       NULL}}},
    {check_repository_pattern,
     0,
     {{"self.startsWith('oci-layout:/') || !self.matches('[A-Z]')",
       "must be in lower case: repositories are", false, NULL},
      {"!self.matches(r'[\\t\\n\\v\\f\\r @?\\[\\]{}]')",
       "is no pattern; write it like registry.example.com/acme/*, with * within a segment and ** "
       "across",
       false, NULL}}},
    {check_tag,
     253,
     {{"self.matches('^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$')",
       "is no tag; use letters, digits, ., _ and -, at most 128, like prod", false, NULL}}},
    {check_digest,
     253,
     {{"self.matches('^sha256:[0-9a-f]{64}$')",
       "is no digest; write sha256: and 64 lower-case hex digits", false, NULL}}},
    {check_relative_path,
     0,
     {{NO_CONTROL("self"), CONTROL_ADVICE, false, NULL},
      {"!self.startsWith('/')", "is absolute; write it from the root, like ./apps/shop/prod", false,
       NULL},
      {"!self.matches('(^|/)[.][.](/|$)')",
       "leaves the tree; write it without .., like ./apps/shop/prod", false, NULL}}},
    {check_absolute_path,
     0,
     {{NO_CONTROL("self"), CONTROL_ADVICE, false, NULL},
      {"self.startsWith('/')", "is no absolute path; write it like /var/lib/sealift/shop", false,
       NULL},
      {"!self.matches('^/*$')", "is the root of all; name a folder below it", false, NULL},
      {"!self.matches('(^|/)[.][.](/|$)')", "holds ..; write where it leads", false, NULL}}},
    {check_pkcs11,
     0,
     {{"!self.contains('?')",
       "holds a '?'; the PIN goes into the Secret of sign.secretRef, the token's library into "
       "sealift serve --pkcs11-module",
       true, NULL},
      {"self.startsWith('pkcs11:') && (self.contains('object=') || self.contains('id='))",
       "is no PKCS#11 URI of a key; write it like pkcs11:token=release;object=packager", true,
       NULL},
      {"self.matches('^[!-~]*$') && !self.contains('#')",
       "is no PKCS#11 URI; write what is special as %XX", true, NULL}}},
    {check_program,
     0,
     {{"self.startsWith('/') && !self.contains('=') && !self.contains('\\n')",
       "is no absolute path of a program; write it like /usr/libexec/kms-signer, without =", false,
       NULL}}},
    {check_http_url,
     0,
     {{"self.matches(r'^https?://[^/\\x00-\\x20\\x7f#][^\\x00-\\x20\\x7f#]*$')",
       "is no URL; write it like https://prod.example.com/hook/…", true, NULL},
      {NO_PASSWORD, PASSWORD_ADVICE, true, NULL},
      {"!self.matches('^https?://[^/]*@')", USER_ADVICE, true, NULL}}},
    {check_issuer,
     0,
     {{"!self.contains('*')",
       "holds a wildcard; write the issuer out, and use another entry of keyless for another "
       "issuer",
       true, NULL},
      {"self.contains('*') || (self.startsWith('https://') && size(self) > 8)",
       "is no URL of an issuer; write it like https://token.actions.githubusercontent.com", true,
       NULL}}},
    {check_subject_pattern,
     0,
     {{"!self.matches('^[*/]*$')",
       "is everybody whom the issuer knows; name an identity, or what it must begin with", true,
       NULL}}},
    {check_trust_store,
     0,
     {{"self.matches('^(ca|signingAuthority|tsa):[A-Za-z0-9_.-]+$')",
       "is no trust store; write it like ca:acme, signingAuthority:acme or tsa:acme", true, NULL}}},
    {check_notation_identity,
     0,
     {{"self == '*' || self.startsWith('x509.subject:')",
       "is no identity; write it like \"x509.subject: C=US, ST=WA, O=acme\", or *", true, NULL}}},
    {check_serial,
     253,
     {{"self.matches('^(0[xX])?[0-9a-fA-F:]*[0-9a-fA-F][0-9a-fA-F:]*$')",
       "is no serial number in hex digits; take it from openssl x509 -noout -serial", false,
       NULL}}},
    {check_predicate_type,
     0,
     {{"self.matches('^[a-z0-9-]*$') || (self.contains('://') && " NO_CONTROL("self") ")",
       "is no predicate type; write its URI, or vuln, slsaprovenance1, spdx, cyclonedx", false,
       NULL}}},
    {check_value_path,
     0,
     {{"self.startsWith('/') && !self.matches('~([^01]|$)') && " NO_CONTROL("self"),
       "is no JSON pointer; write it like /scanner/result/critical", false, NULL}}},
    {check_pem,
     0,
     {{"!self.contains('PRIVATE KEY-----')",
       "is a private key; write the public one (cosign.pub), and replace this key: it has been "
       "seen",
       true, NULL},
      {"self.contains('-----BEGIN PUBLIC KEY-----') || "
       "self.contains('-----BEGIN CERTIFICATE-----')",
       "is no public key in PEM; paste the file that starts with -----BEGIN PUBLIC KEY-----", true,
       NULL}}},
};

static const struct format *find_format(field_check *check)
{
    // The same rules under another name.
    if (check == check_path_pattern)
        check = check_relative_path;
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        if (formats[i].check == check)
            return &formats[i];
    }
    abort();
}

static void add_clauses(struct vec *conditions, const struct format *format, const char *unless)
{
    for (size_t i = 0; i < MAX_CONDITIONS && format->clauses[i].holds != NULL; i++) {
        const struct clause *clause = &format->clauses[i];
        char *holds = unless != NULL ? xasprintf("%s || (%s)", unless, clause->holds)
                                     : xstrdup(clause->holds);
        if (clause->expression != NULL)
            crd_add_worked_out(conditions, holds, xstrdup(clause->expression));
        else if (clause->unquoted)
            crd_add_plain(conditions, holds, clause->sentence);
        else
            crd_add_quoting(conditions, holds, 100, clause->sentence);
    }
}

void crd_add_format(struct vec *conditions, field_check *check)
{
    if (check == NULL)
        return;
    add_clauses(conditions, find_format(check), NULL);
    // oci:// is a registry's name behind its scheme.
    if (check == check_repository)
        add_clauses(conditions, find_format(check_registry_name), "!self.startsWith('oci://')");
}

int64_t crd_format_max(field_check *check, int64_t max)
{
    const struct format *format = check != NULL ? find_format(check) : NULL;
    return format != NULL && format->max_length > 0 ? format->max_length : max;
}
