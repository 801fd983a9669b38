#include "base/object_path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "base/strbuf.h"

enum {
    MAX_SEGMENT = 200, // NAME_MAX is 255, and ".yaml" or a temporary suffix follows
    HASH_BYTES = 4,
    MAX_PATH = 4096,
};

static bool is_unsafe(const char *text, size_t i)
{
    unsigned char ch = (unsigned char)text[i];
    return ch < 0x20 || ch == 0x7F || ch == '/' || ch == '\\' || ch == '%' || (ch == '.' && i == 0);
}

static void add_segment(struct strbuf *path, const char *text)
{
    size_t length = 0;
    while (text[length] != '\0' && !is_unsafe(text, length))
        length++;
    if (text[length] == '\0' && length <= MAX_SEGMENT) {
        strbuf_add(path, text, length);
        return;
    }
    cleanup_strbuf struct strbuf segment;
    strbuf_init(&segment, 3 * strlen(text) + 1);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (is_unsafe(text, i))
            strbuf_addf(&segment, "%%%02X", (unsigned)(unsigned char)text[i]);
        else
            strbuf_addch(&segment, text[i]);
    }
    if (segment.len <= MAX_SEGMENT) {
        strbuf_add(path, segment.data, segment.len);
        return;
    }
    unsigned char hash[SHA256_SIZE];
    sha256(text, strlen(text), hash);
    cleanup_free char *hex = hex_encode(hash, HASH_BYTES);
    size_t kept = MAX_SEGMENT - 1 - 2 * HASH_BYTES;
    // Not in the middle of a character.
    while (((unsigned char)segment.data[kept] & 0xC0) == 0x80)
        kept--;
    strbuf_add(path, segment.data, kept);
    strbuf_addf(path, "-%s", hex);
}

char *object_path(const char *group, const char *kind, const char *ns, const char *name)
{
    struct strbuf path;
    strbuf_init(&path, MAX_PATH);
    if (ns == NULL || *ns == '\0')
        strbuf_addstr(&path, "_");
    else if (strcmp(ns, "_") == 0)
        strbuf_addstr(&path, "%5F");
    else
        add_segment(&path, ns);
    strbuf_addch(&path, '/');
    cleanup_strbuf struct strbuf type;
    strbuf_init(&type, MAX_PATH);
    strbuf_addstr(&type, kind);
    if (group != NULL && *group != '\0') {
        strbuf_addch(&type, '.');
        strbuf_addstr(&type, group);
    }
    add_segment(&path, type.data);
    strbuf_addch(&path, '/');
    add_segment(&path, name);
    strbuf_addstr(&path, ".yaml");
    return strbuf_steal(&path);
}

static int hex_value(char ch)
{
    return ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

// The segment as it was before it was escaped.
static char *plain_segment(const char *text, size_t size)
{
    struct strbuf plain;
    strbuf_init(&plain, size + 1);
    for (size_t i = 0; i < size; i++) {
        bool escaped = text[i] == '%' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
                       hex_value(text[i + 2]) >= 0;
        int value = escaped ? 16 * hex_value(text[i + 1]) + hex_value(text[i + 2]) : text[i];
        strbuf_addch(&plain, (char)value);
        i += escaped ? 2 : 0;
    }
    return strbuf_steal(&plain);
}

char *object_path_text(const char *path)
{
    static const char suffix[] = ".yaml";
    const char *kind = strchr(path, '/');
    const char *name = kind != NULL ? strchr(kind + 1, '/') : NULL;
    size_t size = name != NULL ? strlen(name + 1) : 0;
    size_t end = sizeof suffix - 1;
    bool fits = name != NULL && kind > path && strchr(name + 1, '/') == NULL &&
                isupper((unsigned char)kind[1]) && size > end &&
                strcmp(name + 1 + size - end, suffix) == 0;
    if (!fits)
        return xstrdup(path);
    cleanup_free char *ns = plain_segment(path, (size_t)(kind - path));
    cleanup_free char *plain = plain_segment(name + 1, size - end);
    bool has_ns = strncmp(path, "_/", 2) != 0;
    return xasprintf("%.*s %s%s%s", (int)strcspn(kind + 1, "./"), kind + 1, has_ns ? ns : "",
                     has_ns ? "/" : "", plain);
}

bool object_path_needs_rendering(const char *path)
{
    static const char *const names[] = {"kustomization.yaml", "kustomization.yml", "Kustomization",
                                        "Chart.yaml"};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}
