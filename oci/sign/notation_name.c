#include "oci/sign/notation_name.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <openssl/x509.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void release_part(void *element)
{
    struct notation_part *part = element;
    free(part->type);
    free(part->value);
}

void notation_name_release(void *element)
{
    struct notation_name *name = element;
    free(STEAL(name->text));
    vec_free(&name->parts);
}

static const char *find(const struct vec *parts, const char *type)
{
    vec_foreach (const struct notation_part, part, parts)
        if (strcmp(part->type, type) == 0)
            return part->value;
    return NULL;
}

// Up to "=": letters, digits, dots and dashes, in upper case; "S" is another name of "ST".
static char *take_type(const char **at)
{
    const char *start = *at + strspn(*at, " ");
    size_t length = strcspn(start, "=");
    size_t name = length;
    while (name > 0 && start[name - 1] == ' ')
        name--;
    if (start[length] != '=' || name == 0)
        return NULL;
    char *type = xstrndup(start, name);
    for (char *letter = type; *letter != '\0'; letter++) {
        *letter = (char)toupper((unsigned char)*letter);
        if (!isalnum((unsigned char)*letter) && *letter != '.' && *letter != '-') {
            free(type);
            return NULL;
        }
    }
    *at = start + length + 1;
    if (strcmp(type, "S") != 0)
        return type;
    free(type);
    return xstrdup("ST");
}

// One character behind a backslash: itself, or two hex digits. False when it is neither.
static bool take_escape(const char **at, struct strbuf *out)
{
    unsigned char byte;
    if (isxdigit((unsigned char)(*at)[0]) && isxdigit((unsigned char)(*at)[1]) &&
        hex_decode((char[]){(*at)[0], (*at)[1], '\0'}, &byte, 1) == 0 && byte != '\0') {
        strbuf_addch(out, (char)byte);
        *at += 2;
        return true;
    }
    if (**at == '\0' || strchr(" \"#+,;<=>\\", **at) == NULL)
        return false;
    strbuf_addch(out, *(*at)++);
    return true;
}

// Up to a comma or the end, without the spaces around; NULL when something is wrong.
static char *take_value(const char **at)
{
    struct strbuf out;
    size_t kept = 0; // up to the last character that is no unescaped space
    bool sound = true;
    strbuf_init(&out, NOTATION_MAX_NAME);
    *at += strspn(*at, " ");
    sound = **at != '#';
    while (sound && **at != '\0' && **at != ',') {
        char letter = *(*at)++;
        if (letter == '\\')
            sound = take_escape(at, &out);
        else if (strchr("\"+;<>", letter) != NULL)
            sound = false;
        else
            strbuf_addch(&out, letter);
        if (letter != ' ')
            kept = out.len;
    }
    strbuf_truncate(&out, kept);
    if (sound && kept > 0)
        return strbuf_steal(&out);
    strbuf_release(&out);
    return NULL;
}

static int parse_parts(const char *text, struct vec *parts, struct error *err)
{
    const char *at = text;
    for (;;) {
        cleanup_free char *type = take_type(&at);
        cleanup_free char *value = type != NULL ? take_value(&at) : NULL;
        if (value == NULL)
            return error_set(err, ERROR_INVALID,
                             "\"%.200s\" is no distinguished name such as \"C=US, ST=WA, O=acme, "
                             "CN=release\" (RFC 4514; one value a part, + , ; < > \" \\ escaped by "
                             "a backslash)",
                             text);
        if (find(parts, type) != NULL)
            return error_set(err, ERROR_INVALID, "\"%.200s\" has the part %s twice", text, type);
        if (parts->len == NOTATION_MAX_PARTS)
            return error_set(err, ERROR_LIMIT, "\"%.200s\" has more than %d parts", text,
                             NOTATION_MAX_PARTS);
        struct notation_part *part = vec_push(parts);
        part->type = STEAL(type);
        part->value = STEAL(value);
        if (*at == '\0')
            return 0;
        at++;
    }
}

int notation_name_parse(const char *text, struct notation_name *ret_name, struct error *err)
{
    static const char *const must[] = {"C", "ST", "O"};
    struct notation_name name = {.parts = VEC_OF(struct notation_part, release_part)};
    int result = strlen(text) <= NOTATION_MAX_NAME
                     ? parse_parts(text, &name.parts, err)
                     : error_set(err, ERROR_LIMIT, "a name of a signer has more than %d bytes",
                                 NOTATION_MAX_NAME);
    for (size_t i = 0; i < ARRAY_LENGTH(must) && result == 0; i++)
        if (find(&name.parts, must[i]) == NULL)
            result = error_set(err, ERROR_INVALID,
                               "\"%.200s\" has no part %s; a signer is named by C, ST and O at "
                               "least",
                               text, must[i]);
    if (result < 0) {
        notation_name_release(&name);
        return -1;
    }
    name.text = xstrdup(text + strspn(text, " "));
    *ret_name = name;
    return 0;
}

bool notation_name_within(const struct notation_name *inner, const struct notation_name *outer)
{
    vec_foreach (const struct notation_part, part, &inner->parts) {
        const char *value = find(&outer->parts, part->type);
        if (value == NULL || strcmp(value, part->value) != 0)
            return false;
    }
    return true;
}

// Whether the entry is of this type; streets and postal codes have longer names at OpenSSL.
static bool is_of_type(const X509_NAME_ENTRY *entry, const char *type)
{
    static const char *const others[][2] = {{"STREET", "street"},
                                            {"POSTALCODE", "postalCode"},
                                            {"SERIALNUMBER", "serialNumber"},
                                            {"EMAILADDRESS", "emailAddress"}};
    int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    const char *name = nid != NID_undef ? OBJ_nid2sn(nid) : "";
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        if (strcmp(type, others[i][0]) == 0)
            return strcmp(name, others[i][1]) == 0;
    return strcmp(name, type) == 0;
}

static bool has_value(const X509_NAME_ENTRY *entry, const char *value)
{
    unsigned char *text = NULL;
    int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    bool same =
        size >= 0 && strlen(value) == (size_t)size && memcmp(text, value, (size_t)size) == 0;
    OPENSSL_free(text);
    return same;
}

static bool has_part(const X509_NAME *subject, const struct notation_part *part)
{
    size_t found = 0;
    bool same = false;
    for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, i);
        if (!is_of_type(entry, part->type))
            continue;
        found++;
        same = has_value(entry, part->value);
    }
    return found == 1 && same;
}

bool notation_name_matches(const struct notation_name *name, const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    vec_foreach (const struct notation_part, part, &name->parts)
        if (!has_part(subject, part))
            return false;
    return true;
}
