#include "oci/sign/certificate.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "oci/sign/key.h"
#include "oci/sign/trusted_root.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLAIM = 4096, MAX_NAME = CERTIFICATE_MAX_BYTES };

static const char fulcio_arc[] = "1.3.6.1.4.1.57264.1.";
static const char other_name_oid[] = "1.3.6.1.4.1.57264.1.7";

void certificate_free(struct certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->x509);
    free(certificate->der);
    verify_key_unref(certificate->key);
    free(certificate->subject);
    free(certificate->serial);
    free(certificate->issuer_name);
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        free(certificate->claims[i]);
    free(certificate);
}

void cleanup_certificate_pointer(struct certificate **certificate)
{
    certificate_free(*certificate);
}

// Text that is compared, shown and kept in status: UTF-8, no NUL that cuts it, no control
// characters. NULL otherwise.
static char *plain_text(const unsigned char *data, int size)
{
    if (size <= 0 || size > MAX_CLAIM)
        return NULL;
    for (int i = 0; i < size; i++)
        if (iscntrl(data[i]))
            return NULL;
    cleanup_json json_t *readable = json_stringn((const char *)data, (size_t)size);
    return readable != NULL ? xstrndup((const char *)data, (size_t)size) : NULL;
}

static char *string_text(const ASN1_STRING *string)
{
    return plain_text(ASN1_STRING_get0_data(string), ASN1_STRING_length(string));
}

static bool is_oid(const ASN1_OBJECT *object, const char *wanted)
{
    char text[128];
    int length = OBJ_obj2txt(text, sizeof text, object, 1);
    // -1, where OpenSSL fails, is too long as well.
    return (size_t)length < sizeof text && strcmp(text, wanted) == 0;
}

// NULL when the name is of no kind that an identity is written as.
static char *name_text(const GENERAL_NAME *name)
{
    int type = 0;
    void *value = GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_URI || type == GEN_EMAIL)
        return string_text(value);
    if (type != GEN_OTHERNAME)
        return NULL;
    const OTHERNAME *other = value;
    if (!is_oid(other->type_id, other_name_oid) || other->value->type != V_ASN1_UTF8STRING)
        return NULL;
    return string_text(other->value->value.utf8string);
}

static int parse_subject(struct certificate *certificate, struct error *err)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate->x509, NID_subject_alt_name, NULL, NULL);
    int count = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    if (count == 1)
        certificate->subject = name_text(sk_GENERAL_NAME_value(names, 0));
    GENERAL_NAMES_free(names);
    if (certificate->subject == NULL)
        return error_set(err, ERROR_INVALID,
                         "it does not name exactly one identity (URI, e-mail address or Fulcio's "
                         "other name) as its subject alternative name");
    return 0;
}

// Which of Fulcio's extensions it is; 0 for others.
static int claim_number(const ASN1_OBJECT *object)
{
    char text[128];
    int length = OBJ_obj2txt(text, sizeof text, object, 1);
    size_t arc = sizeof fulcio_arc - 1;
    if ((size_t)length >= sizeof text || strncmp(text, fulcio_arc, arc) != 0)
        return 0;
    char *end = NULL;
    long number = strtol(text + arc, &end, 10);
    bool known = *end == '\0' && number > 0 && number < CLAIM_COUNT && number != 7;
    return known ? (int)number : 0;
}

// A DER UTF8String and nothing behind it.
static char *utf8_text(const unsigned char *data, int size)
{
    const unsigned char *at = data;
    ASN1_UTF8STRING *string = d2i_ASN1_UTF8STRING(NULL, &at, size);
    char *text = string != NULL && at == data + size ? string_text(string) : NULL;
    ASN1_UTF8STRING_free(string);
    return text;
}

static int parse_claim(struct certificate *certificate, X509_EXTENSION *extension,
                       struct error *err)
{
    int number = claim_number(X509_EXTENSION_get_object(extension));
    if (number == 0)
        return 0;
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    const unsigned char *data = ASN1_STRING_get0_data(value);
    int size = ASN1_STRING_length(value);
    if (certificate->claims[number] != NULL)
        return error_set(err, ERROR_INVALID, "it has the extension %s%d twice", fulcio_arc, number);
    // An empty value says nothing, and Fulcio leaves some empty.
    static const unsigned char no_text[] = {V_ASN1_UTF8STRING, 0};
    if (size == 0 || (number >= CLAIM_ISSUER && size == sizeof no_text &&
                      memcmp(data, no_text, sizeof no_text) == 0))
        return 0;
    certificate->claims[number] =
        number < CLAIM_ISSUER ? plain_text(data, size) : utf8_text(data, size);
    if (certificate->claims[number] == NULL)
        return error_set(err, ERROR_INVALID, "its extension %s%d is no text of at most %d bytes",
                         fulcio_arc, number, MAX_CLAIM);
    return 0;
}

static int parse_claims(struct certificate *certificate, struct error *err)
{
    for (int i = 0; i < X509_get_ext_count(certificate->x509); i++)
        if (parse_claim(certificate, X509_get_ext(certificate->x509, i), err) < 0)
            return -1;
    char **claims = certificate->claims;
    if (claims[CLAIM_ISSUER] != NULL && claims[CLAIM_ISSUER_OLD] != NULL &&
        strcmp(claims[CLAIM_ISSUER], claims[CLAIM_ISSUER_OLD]) != 0)
        return error_set(err, ERROR_INVALID, "it names two issuers, %.200s and %.200s",
                         claims[CLAIM_ISSUER_OLD], claims[CLAIM_ISSUER]);
    certificate->issuer =
        claims[CLAIM_ISSUER] != NULL ? claims[CLAIM_ISSUER] : claims[CLAIM_ISSUER_OLD];
    return 0;
}

static int check_usage(X509 *x509, struct error *err)
{
    uint32_t flags = X509_get_extension_flags(x509);
    if ((flags & EXFLAG_INVALID) != 0)
        return error_set(err, ERROR_INVALID, "its extensions cannot be read");
    if ((flags & EXFLAG_CA) != 0)
        return error_set(err, ERROR_INVALID, "it is an authority's, not a signer's");
    if ((flags & EXFLAG_KUSAGE) == 0 || (X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) == 0)
        return error_set(err, ERROR_INVALID, "it may not be used for digital signatures");
    if ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(x509) & XKU_CODE_SIGN) == 0)
        return error_set(err, ERROR_INVALID, "it may not be used for code signing");
    return 0;
}

char *certificate_serial_text(const char *text)
{
    cleanup_free char *digits = xstrdup(text);
    char *to = digits;
    bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    for (const char *at = text + (prefixed ? 2 : 0); *at != '\0'; at++) {
        if (*at == ':' || *at == ' ')
            continue;
        if (!isxdigit((unsigned char)*at))
            return NULL;
        *to++ = (char)tolower((unsigned char)*at);
    }
    *to = '\0';
    if (to == digits)
        return NULL;
    const char *first = digits + strspn(digits, "0");
    return xstrdup(*first != '\0' ? first : "0");
}

// The end of the part of a name that begins here: an unescaped comma or plus, or the end.
static const char *end_of_part(const char *at)
{
    for (; *at != '\0' && *at != ',' && *at != '+' && *at != '\n'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return at;
}

// "CN = Example" as "cn=example".
static char *plain_part(const char *text, size_t size)
{
    char *part = xcalloc(1, size + 1);
    char *to = part;
    for (size_t i = 0; i < size; i++) {
        if (!isspace((unsigned char)text[i]) && text[i] != '\\' && text[i] != '"')
            *to++ = (char)tolower((unsigned char)text[i]);
    }
    return part;
}

char *certificate_name_text(const char *text)
{
    cleanup_vec struct vec parts = VEC_OF(char *, vec_release_string);
    struct strbuf out;
    if (strncmp(text, "issuer=", 7) == 0)
        text += 7;
    while (*text != '\0') {
        const char *end = end_of_part(text);
        cleanup_free char *part = plain_part(text, (size_t)(end - text));
        if (*part != '\0')
            vec_push_string(&parts, part);
        text = *end != '\0' ? end + 1 : end;
    }
    vec_sort(&parts, vec_compare_strings);
    strbuf_init(&out, MAX_NAME);
    for (size_t i = 0; i < parts.len; i++)
        strbuf_addf(&out, "%s%s", i > 0 ? "," : "", *(char **)vec_at(&parts, i));
    return strbuf_steal(&out);
}

char *certificate_serial_of(X509 *x509)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
    if (number == NULL)
        abort();
    BN_set_negative(number, 0);
    char *digits = BN_bn2hex(number);
    if (digits == NULL)
        abort();
    char *text = certificate_serial_text(digits);
    OPENSSL_free(digits);
    BN_free(number);
    return text;
}

char *certificate_issuer_of(X509 *x509)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *data = NULL;
    if (out == NULL)
        abort();
    // What cannot be printed is left out.
    X509_NAME_print_ex(out, X509_get_issuer_name(x509), 0, XN_FLAG_RFC2253);
    size_t size = (size_t)BIO_get_mem_data(out, &data);
    cleanup_free char *text = size > 0 ? xstrndup(data, size) : xstrdup("");
    BIO_free(out);
    return certificate_name_text(text);
}

static int parse(const unsigned char *der, size_t size, struct certificate *certificate,
                 struct error *err)
{
    const unsigned char *at = der;
    if (size > CERTIFICATE_MAX_BYTES)
        return error_set(err, ERROR_LIMIT, "it has %zu bytes; at most %d are read", size,
                         CERTIFICATE_MAX_BYTES);
    certificate->x509 = d2i_X509(NULL, &at, (long)size);
    if (certificate->x509 == NULL || at != der + size || X509_get_version(certificate->x509) != 2)
        return error_set(err, ERROR_INVALID, "it is no X.509 certificate of version 3");
    certificate->der = xmemdup(der, size);
    certificate->der_size = size;
    certificate->serial = certificate_serial_of(certificate->x509);
    certificate->issuer_name = certificate_issuer_of(certificate->x509);
    if (check_usage(certificate->x509, err) < 0 ||
        verify_key_of_certificate(certificate->x509, "its key", &certificate->key, err) < 0 ||
        parse_subject(certificate, err) < 0)
        return -1;
    return parse_claims(certificate, err);
}

int certificate_parse(const unsigned char *der, size_t size, struct certificate **ret_certificate,
                      struct error *err)
{
    cleanup_certificate struct certificate *certificate = xcalloc(1, sizeof *certificate);
    int result = parse(der, size, certificate, err);
    ERR_clear_error();
    if (result < 0)
        return error_wrap(err, "the signer's certificate");
    *ret_certificate = STEAL(certificate);
    return 0;
}
