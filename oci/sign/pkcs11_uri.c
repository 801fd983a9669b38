#include "oci/sign/pkcs11_uri.h"

#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_URI = 2048 };

static const char scheme[] = "pkcs11:";

// What can be looked for; the first ones go to the engine as they stand.
enum attribute { TOKEN, MANUFACTURER, SERIAL, MODEL, OBJECT, ID, TYPE, PATH_ATTRIBUTES };
enum query { MODULE_PATH, PIN_SOURCE, PIN_VALUE, QUERY_ATTRIBUTES };
static const char *const path_names[] = {"token",  "manufacturer", "serial", "model",
                                         "object", "id",           "type",   NULL};
static const char *const query_names[] = {"module-path", "pin-source", "pin-value", NULL};

void pkcs11_uri_release(struct pkcs11_uri *uri)
{
    free(uri->name);
    free(uri->module_path);
    free(uri->pin_source);
    secret_free(uri->pin_value);
    *uri = (struct pkcs11_uri){0};
}

bool pkcs11_uri_is(const char *text)
{
    return strncasecmp(text, scheme, strlen(scheme)) == 0;
}

static bool find(const char *name, size_t length, const char *const names[], size_t *ret_index)
{
    for (size_t i = 0; names[i] != NULL; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            *ret_index = i;
            return true;
        }
    return false;
}

// pk11-pchar and pk11-qchar of RFC 7512, without what separates attributes.
static bool is_plain(char ch)
{
    return isalnum((unsigned char)ch) || strchr("-._~:[]@!$'()*+,=/|?&", ch) != NULL;
}

// What '%' stands for must be two digits, and no NUL. Owned; NULL when it is wrong.
static char *decode(const char *value, size_t length)
{
    struct strbuf out;
    strbuf_init(&out, MAX_URI);
    bool sound = length > 0;
    for (size_t i = 0; i < length && sound; i++) {
        unsigned char byte = (unsigned char)value[i];
        if (value[i] == '%') {
            sound = i + 2 < length &&
                    hex_decode((char[]){value[i + 1], value[i + 2], '\0'}, &byte, 1) == 0;
            i += 2;
        } else {
            sound = is_plain(value[i]);
        }
        sound = sound && byte != '\0' && strbuf_addch(&out, (char)byte) == 0;
    }
    if (sound)
        return strbuf_steal(&out);
    strbuf_release(&out);
    return NULL;
}

struct part {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

// Takes "name=value" off *at, up to a separator or `end`.
static int take(const char **at, const char *end, char separator, struct part *ret_part,
                struct error *err)
{
    const char *stop = memchr(*at, separator, (size_t)(end - *at));
    const char *equals = memchr(*at, '=', (size_t)((stop != NULL ? stop : end) - *at));
    if (stop == NULL)
        stop = end;
    if (equals == NULL)
        return error_set(err, ERROR_INVALID, "a part of it is not NAME=VALUE");
    *ret_part = (struct part){*at, (size_t)(equals - *at), equals + 1, (size_t)(stop - equals - 1)};
    *at = stop < end ? stop + 1 : end;
    return 0;
}

static int check_part(const struct part *part, const char *const names[], bool seen[],
                      size_t *ret_index, char **ret_value, struct error *err)
{
    if (!find(part->name, part->name_length, names, ret_index))
        return error_set(err, ERROR_INVALID,
                         "an attribute is none of token, manufacturer, serial, model, object, id "
                         "and type, or, behind '?', of module-path, pin-source and pin-value");
    if (seen[*ret_index])
        return error_set(err, ERROR_INVALID, "%s stands there twice", names[*ret_index]);
    seen[*ret_index] = true;
    *ret_value = decode(part->value, part->value_length);
    if (*ret_value == NULL)
        return error_set(err, ERROR_INVALID,
                         "the value of %s is empty or not written as RFC 7512 has it (%%XX for "
                         "what is special)",
                         names[*ret_index]);
    return 0;
}

static int parse_path(const char *at, const char *end, struct pkcs11_uri *uri, struct error *err)
{
    bool seen[PATH_ATTRIBUTES] = {0};
    struct strbuf name;
    strbuf_init(&name, MAX_URI);
    strbuf_addstr(&name, scheme);
    int result = at < end ? 0 : error_set(err, ERROR_INVALID, "it names no key");
    while (result == 0 && at < end) {
        struct part part;
        size_t index = 0;
        cleanup_free char *value = NULL;
        if (take(&at, end, ';', &part, err) < 0 ||
            check_part(&part, path_names, seen, &index, &value, err) < 0)
            result = -1;
        else if (index == TYPE && strcmp(value, "private") != 0 && strcmp(value, "public") != 0)
            result = error_set(err, ERROR_INVALID, "type is neither private nor public");
        else if (index != TYPE) // the operation says which half
            strbuf_addf(&name, "%s%s=%.*s", name.len > strlen(scheme) ? ";" : "", path_names[index],
                        (int)part.value_length, part.value);
    }
    if (result == 0 && !seen[OBJECT] && !seen[ID])
        result = error_set(err, ERROR_INVALID, "it names no key: give object or id");
    if (result == 0)
        uri->name = strbuf_steal(&name);
    strbuf_release(&name);
    return result;
}

// A file; never the "|program" that the RFC allows.
static int take_pin_source(char *value, struct pkcs11_uri *uri, struct error *err)
{
    const char *path = value;
    if (strncmp(path, "file:", 5) == 0)
        path += 5;
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    if (*path != '/')
        return error_set(err, ERROR_INVALID,
                         "pin-source is no absolute path of a file (file:/run/secrets/pin)");
    uri->pin_source = xstrdup(path);
    return 0;
}

static int parse_query(const char *at, const char *end, struct pkcs11_uri *uri, struct error *err)
{
    bool seen[QUERY_ATTRIBUTES] = {0};
    while (at < end) {
        struct part part;
        size_t index = 0;
        cleanup_secret char *value = NULL;
        if (take(&at, end, '&', &part, err) < 0 ||
            check_part(&part, query_names, seen, &index, &value, err) < 0)
            return -1;
        if (index == PIN_VALUE)
            uri->pin_value = STEAL(value);
        else if (index == PIN_SOURCE && take_pin_source(value, uri, err) < 0)
            return -1;
        else if (index == MODULE_PATH && *value != '/')
            return error_set(err, ERROR_INVALID, "module-path is no absolute path");
        else if (index == MODULE_PATH)
            uri->module_path = STEAL(value);
    }
    return 0;
}

int pkcs11_uri_parse(const char *text, struct pkcs11_uri *ret_uri, struct error *err)
{
    cleanup_pkcs11_uri struct pkcs11_uri uri = {0};
    size_t length = strlen(text);
    if (!pkcs11_uri_is(text) || length > MAX_URI)
        return error_set(err, ERROR_INVALID,
                         "a PKCS#11 URI starts with \"pkcs11:\" and has at most %d bytes", MAX_URI);
    const char *start = text + strlen(scheme);
    const char *query = strchr(start, '?');
    const char *end = text + length;
    if (parse_path(start, query != NULL ? query : end, &uri, err) < 0 ||
        (query != NULL && parse_query(query + 1, end, &uri, err) < 0))
        return error_wrap(err, "the PKCS#11 URI of the key");
    *ret_uri = uri;
    uri = (struct pkcs11_uri){0};
    return 0;
}
