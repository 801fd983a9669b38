// What a string must look like. Each check ends a sentence that starts with the name of the field,
// and says what to write.
#include "api/fields.h"

#include "api/identity.h"
#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool refuse(struct strbuf *sentence, const char *text, const char *advice)
{
    strbuf_addf(sentence, "\"%.100s\" %s", text, advice);
    return false;
}

static bool is_label(const char *text, size_t size)
{
    if (size == 0 || size > 63 || text[0] == '-' || text[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

bool check_namespace(const char *text, struct strbuf *sentence)
{
    return is_label(text, strlen(text)) ||
           refuse(sentence, text,
                  "is no name of a namespace; use lower-case letters, digits and -, at most 63");
}

bool check_name(const char *text, struct strbuf *sentence)
{
    bool fine = *text != '\0' && strlen(text) <= 253;
    for (const char *label = text; fine;) {
        size_t size = strcspn(label, ".");
        // Kubernetes bounds the whole name only, not its labels.
        fine = size > 0 && label[0] != '-' && label[size - 1] != '-' &&
               strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
        if (label[size] == '\0')
            break;
        label += size + 1;
    }
    return fine || refuse(sentence, text,
                          "is no name; use lower-case letters, digits, - and ., at most 253");
}

// user and password of a URL that has a scheme. The password is never repeated.
static bool check_userinfo(const char *text, bool user_allowed, struct strbuf *sentence)
{
    const char *authority = strstr(text, "://") + 3;
    size_t size = strcspn(authority, "/");
    const char *at = memrchr(authority, '@', size);
    if (at == NULL)
        return true;
    if (memchr(authority, ':', (size_t)(at - authority)) != NULL) {
        strbuf_addstr(sentence, "holds a password; take it out, put it into a Secret and name that "
                                "in secretRef");
        return false;
    }
    if (user_allowed)
        return true;
    strbuf_addstr(sentence, "names a user; take it out, put the credentials into a Secret and name "
                            "that in secretRef");
    return false;
}

bool check_git_url(const char *text, struct strbuf *sentence)
{
    static const char advice[] =
        "is no git URL; write it like https://git.example.com/acme/config.git, or with http://, "
        "ssh:// or file://";
    bool ssh = starts_with(text, "ssh://");
    bool file = starts_with(text, "file:///");
    cleanup_free char *identity = NULL;
    if (ssh || starts_with(text, "https://") || starts_with(text, "http://")) {
        if (!check_userinfo(text, ssh, sentence))
            return false;
    } else if (!file) {
        const char *colon = strchr(text, ':');
        bool behind_host = colon != NULL && colon < text + strcspn(text, "/");
        if (strstr(text, "://") == NULL && behind_host && identity_git(text, &identity, NULL) == 0)
            strbuf_addf(sentence, "is in scp's form; write it like ssh://%.*s/%s",
                        (int)(colon - text), text, colon[1] == '/' ? colon + 2 : colon + 1);
        else
            strbuf_addstr(sentence, advice);
        return false;
    }
    if (identity_git(text, &identity, NULL) == 0)
        return true;
    strbuf_addstr(sentence, advice);
    return false;
}

bool check_git_identity(const char *text, struct strbuf *sentence)
{
    cleanup_free char *identity = NULL;
    if (strstr(text, "://") != NULL && !check_userinfo(text, true, sentence))
        return false;
    if (identity_git(text, &identity, NULL) == 0)
        return true;
    strbuf_addstr(sentence,
                  "is no git repository; write it like https://git.example.com/acme/config.git");
    return false;
}

// git check-ref-format(1), less what only matters inside of git.
static bool is_git_ref(const char *text, const char *forbidden)
{
    size_t size = strlen(text);
    if (size == 0 || text[0] == '-' || text[0] == '/' || text[0] == '.' || text[size - 1] == '/' ||
        text[size - 1] == '.' || strstr(text, "..") != NULL || strstr(text, "//") != NULL ||
        strstr(text, "@{") != NULL || strstr(text, "/.") != NULL ||
        strpbrk(text, forbidden) != NULL)
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f)
            return false;
    }
    return true;
}

bool check_git_ref(const char *text, struct strbuf *sentence)
{
    if (is_git_ref(text, "~^:?*[\\") && !starts_with(text, "refs/"))
        return true;
    return refuse(sentence, text,
                  starts_with(text, "refs/") ? "is a full ref; write the short name, like main"
                                             : "is no name that git allows; write it like main");
}

bool check_ref_pattern(const char *text, struct strbuf *sentence)
{
    return is_git_ref(text, "~^:?[\\") ||
           refuse(sentence, text, "is no ref; write it like main, release/* or refs/tags/v*");
}

bool check_commit(const char *text, struct strbuf *sentence)
{
    size_t size = strlen(text);
    if ((size == 40 || size == 64) && strspn(text, "0123456789abcdef") == size)
        return true;
    return refuse(sentence, text, "is no commit; write all 40 (SHA-256: 64) lower-case hex digits");
}

bool check_semver_range(const char *text, struct strbuf *sentence)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr(".*^~<>=!|, +-", *at) == NULL)
            return refuse(sentence, text, "is no range of versions; write it like \">=1.2 <2\"");
    }
    return strpbrk(text, "0123456789*xX") != NULL ||
           refuse(sentence, text, "names no version; write it like \">=1.2 <2\"");
}

static const char tag_advice[] =
    "names a tag or digest; a repository stands without one, it has its own field";

static bool has_tag(const char *text)
{
    const char *slash = strrchr(text, '/');
    return strchr(slash != NULL ? slash : text, ':') != NULL || strchr(text, '@') != NULL;
}

bool check_repository(const char *text, struct strbuf *sentence)
{
    cleanup_free char *identity = NULL;
    if (starts_with(text, "oci-layout:///")) {
        if (has_tag(text + strlen("oci-layout://")))
            return refuse(sentence, text, tag_advice);
        return check_absolute_path(text + strlen("oci-layout://"), sentence);
    }
    if (starts_with(text, "oci://"))
        return check_registry_name(text, sentence);
    if (strstr(text, "://") == NULL && !starts_with(text, "oci:") &&
        !starts_with(text, "oci-layout:") && identity_oci(text, &identity, NULL) == 0)
        strbuf_addf(sentence, "needs its scheme; write it like oci://%s", text);
    else
        strbuf_addstr(sentence, "is no repository; write it like "
                                "oci://registry.example.com/acme/shop or oci-layout:///srv/shop");
    return false;
}

bool check_registry_name(const char *text, struct strbuf *sentence)
{
    const char *name = starts_with(text, "oci://") ? text + strlen("oci://") : text;
    cleanup_free char *identity = NULL;
    if (strchr(name, '@') != NULL && strchr(name, '@') < name + strcspn(name, "/")) {
        strbuf_addstr(sentence, "holds credentials; take them out, put them into a Secret and name "
                                "that in secretRef");
        return false;
    }
    if (has_tag(name))
        return refuse(
            sentence, text,
            "names a tag or digest; a repository stands without one, it has its own field");
    for (const char *at = name; *at != '\0'; at++) {
        if (isupper((unsigned char)*at))
            return refuse(sentence, text, "must be in lower case");
    }
    return (strstr(name, ":/") == NULL && identity_oci(name, &identity, NULL) == 0) ||
           refuse(sentence, text, "is no repository; write it like registry.example.com/acme/shop");
}

bool check_repository_pattern(const char *text, struct strbuf *sentence)
{
    bool layout = starts_with(text, "oci-layout:/");
    for (const char *at = text; *at != '\0' && !layout; at++) {
        if (isupper((unsigned char)*at))
            return refuse(sentence, text, "must be in lower case: repositories are");
    }
    if (strpbrk(text, " \t\n\v\f\r@?[]{}") != NULL)
        return refuse(sentence, text,
                      "is no pattern; write it like registry.example.com/acme/*, with * within a "
                      "segment and ** across");
    return true;
}

bool check_tag(const char *text, struct strbuf *sentence)
{
    size_t size = strlen(text);
    bool fine = size > 0 && size <= 128 && text[0] != '.' && text[0] != '-';
    for (const char *at = text; fine && *at != '\0'; at++)
        fine = isalnum((unsigned char)*at) || strchr("._-", *at) != NULL;
    return fine || refuse(sentence, text,
                          "is no tag; use letters, digits, ., _ and -, at most 128, like prod");
}

bool check_digest(const char *text, struct strbuf *sentence)
{
    return digest_is_valid(text) ||
           refuse(sentence, text, "is no digest; write sha256: and 64 lower-case hex digits");
}

static bool stays_below(const char *path)
{
    for (const char *at = path; *at != '\0';) {
        size_t size = strcspn(at, "/");
        if (size == 2 && at[0] == '.' && at[1] == '.')
            return false;
        at += size + (at[size] == '/');
    }
    return true;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

bool check_relative_path(const char *text, struct strbuf *sentence)
{
    if (has_control(text))
        return refuse(sentence, text, "holds a control character; take it out");
    if (*text == '/')
        return refuse(sentence, text, "is absolute; write it from the root, like ./apps/shop/prod");
    return stays_below(text) ||
           refuse(sentence, text, "leaves the tree; write it without .., like ./apps/shop/prod");
}

bool check_path_pattern(const char *text, struct strbuf *sentence)
{
    return check_relative_path(text, sentence);
}

bool check_absolute_path(const char *text, struct strbuf *sentence)
{
    if (has_control(text))
        return refuse(sentence, text, "holds a control character; take it out");
    if (*text != '/')
        return refuse(sentence, text, "is no absolute path; write it like /var/lib/sealift/shop");
    if (strspn(text, "/") == strlen(text))
        return refuse(sentence, text, "is the root of all; name a folder below it");
    return stays_below(text) || refuse(sentence, text, "holds ..; write where it leads");
}

bool check_http_url(const char *text, struct strbuf *sentence)
{
    bool http = starts_with(text, "https://") || starts_with(text, "http://");
    size_t host = http ? strcspn(strstr(text, "://") + 3, "/") : 0;
    bool fine = host > 0;
    for (const char *at = text; fine && *at != '\0'; at++)
        fine = (unsigned char)*at > ' ' && *at != 0x7f && *at != '#';
    if (fine)
        return check_userinfo(text, false, sentence);
    // The path of a hook can be a secret.
    strbuf_addstr(sentence, "is no URL; write it like https://prod.example.com/hook/…");
    return false;
}

bool check_issuer(const char *text, struct strbuf *sentence)
{
    if (strncmp(text, "https://", 8) == 0 && text[8] != '\0' && strchr(text, '*') == NULL)
        return true;
    if (strchr(text, '*') != NULL)
        strbuf_addstr(sentence, "holds a wildcard; write the issuer out, and use another entry of "
                                "keyless for another issuer");
    else
        strbuf_addstr(sentence, "is no URL of an issuer; write it like "
                                "https://token.actions.githubusercontent.com");
    return false;
}

bool check_subject_pattern(const char *text, struct strbuf *sentence)
{
    if (text[strspn(text, "*/")] != '\0')
        return true;
    strbuf_addstr(sentence, "is everybody whom the issuer knows; name an identity, or what it must "
                            "begin with");
    return false;
}

bool check_trust_store(const char *text, struct strbuf *sentence)
{
    static const char *const types[] = {"ca:", "signingAuthority:", "tsa:"};
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        size_t size = strlen(types[i]);
        if (strncmp(text, types[i], size) == 0 && text[size] != '\0' &&
            text[size + strspn(text + size, letters)] == '\0')
            return true;
    }
    strbuf_addstr(sentence, "is no trust store; write it like ca:acme, signingAuthority:acme or "
                            "tsa:acme");
    return false;
}

bool check_notation_identity(const char *text, struct strbuf *sentence)
{
    if (strcmp(text, "*") == 0 || strncmp(text, "x509.subject:", 13) == 0)
        return true;
    strbuf_addstr(sentence, "is no identity; write it like \"x509.subject: C=US, ST=WA, O=acme\", "
                            "or *");
    return false;
}

bool check_serial(const char *text, struct strbuf *sentence)
{
    const char *digits = starts_with(text, "0x") || starts_with(text, "0X") ? text + 2 : text;
    bool fine = *digits != '\0' && digits[strspn(digits, "0123456789abcdefABCDEF:")] == '\0' &&
                digits[strspn(digits, ":")] != '\0';
    return fine || refuse(sentence, text,
                          "is no serial number in hex digits; take it from openssl x509 -noout "
                          "-serial");
}

bool check_predicate_type(const char *text, struct strbuf *sentence)
{
    bool name = text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
    return name || (strstr(text, "://") != NULL && !has_control(text)) ||
           refuse(sentence, text,
                  "is no predicate type; write its URI, or vuln, slsaprovenance1, spdx, cyclonedx");
}

bool check_value_path(const char *text, struct strbuf *sentence)
{
    bool fine = *text == '/' && !has_control(text);
    for (const char *at = text; *at != '\0' && fine; at++)
        fine = *at != '~' || at[1] == '0' || at[1] == '1';
    return fine ||
           refuse(sentence, text, "is no JSON pointer; write it like /scanner/result/critical");
}

bool check_pem(const char *text, struct strbuf *sentence)
{
    if (strstr(text, "PRIVATE KEY-----") != NULL) {
        strbuf_addstr(sentence, "is a private key; write the public one (cosign.pub), and replace "
                                "this key: it has been seen");
        return false;
    }
    if (strstr(text, "-----BEGIN PUBLIC KEY-----") != NULL ||
        strstr(text, "-----BEGIN CERTIFICATE-----") != NULL)
        return true;
    strbuf_addstr(sentence, "is no public key in PEM; paste the file that starts with "
                            "-----BEGIN PUBLIC KEY-----");
    return false;
}

bool check_base64(const char *text, struct strbuf *sentence)
{
    cleanup_free unsigned char *data = NULL;
    size_t size;
    if (base64_decode(text, strlen(text), &data, &size, NULL) == 0)
        return true;
    strbuf_addstr(sentence, "is no base64; encode it, or put the plain text under stringData");
    return false;
}

// Never repeats the text: a PIN may stand in it.
bool check_pkcs11(const char *text, struct strbuf *sentence)
{
    const char *advice = NULL;
    if (strchr(text, '?') != NULL)
        advice = "holds a '?'; the PIN goes into the Secret of sign.secretRef, the token's library "
                 "into sealift serve --pkcs11-module";
    else if (!starts_with(text, "pkcs11:") ||
             (strstr(text, "object=") == NULL && strstr(text, "id=") == NULL))
        advice = "is no PKCS#11 URI of a key; write it like pkcs11:token=release;object=packager";
    for (const char *at = text; *at != '\0' && advice == NULL; at++)
        if (!isgraph((unsigned char)*at) || *at == '#')
            advice = "is no PKCS#11 URI; write what is special as %XX";
    if (advice != NULL)
        strbuf_addstr(sentence, advice);
    return advice == NULL;
}

bool check_program(const char *text, struct strbuf *sentence)
{
    return (*text == '/' && strpbrk(text, "\n=") == NULL) ||
           refuse(sentence, text,
                  "is no absolute path of a program; write it like "
                  "/usr/libexec/kms-signer, without =");
}
