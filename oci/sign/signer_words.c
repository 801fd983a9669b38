#include "oci/sign/signer_words.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_WORDS = 400,
    MAX_READ = 4096,
    MIN_HEX = 32,    // half a SHA-256, a whole AES-128 key
    MIN_BASE64 = 20, // an AWS access key; shorter secrets have a name in front
};

static const char cut[] = "[cut]";

// Names end in these: "client_secret", "AWS_SESSION_TOKEN". "key" alone is how keys are called.
static const char *const names[] = {
    "password",   "passwd",     "pass",      "pwd",           "pin",         "pin-value", "secret",
    "token",      "credential", "auth",      "authorization", "apikey",      "api_key",   "api-key",
    "access_key", "accesskey",  "secretkey", "secret_key",    "private_key", "session"};

static bool in_name(char ch)
{
    return isalnum((unsigned char)ch) || ch == '_' || ch == '-';
}

static bool in_secret(char ch)
{
    return isalnum((unsigned char)ch) || strchr("+/=_-", ch) != NULL;
}

static bool is_name(const char *word, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        size_t size = strlen(names[i]);
        if (length >= size && strncasecmp(word + length - size, names[i], size) == 0)
            return true;
    }
    return false;
}

static bool is_scheme(const char *word, size_t length)
{
    return (length == 6 && strncasecmp(word, "bearer", 6) == 0) ||
           (length == 5 && strncasecmp(word, "basic", 5) == 0);
}

static bool looks_random(const char *run, size_t length)
{
    size_t hex = 0, digits = 0, upper = 0, lower = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char ch = (unsigned char)run[i];
        hex += isxdigit(ch) != 0;
        digits += isdigit(ch) != 0;
        upper += isupper(ch) != 0;
        lower += islower(ch) != 0;
    }
    if (hex == length)
        return length >= MIN_HEX;
    return length >= MIN_BASE64 && digits > 0 && upper > 0 &&
           (lower > 0 || digits + upper == length);
}

static size_t run_length(const char *text, bool (*part)(char))
{
    size_t length = 0;
    while (text[length] != '\0' && part(text[length]))
        length++;
    return length;
}

// The length of "\": \"" and the like between a name and its value; 0 where none follows.
static size_t assignment_length(const char *text)
{
    size_t quotes = strspn(text, "\"' ");
    if (text[quotes] != ':' && text[quotes] != '=')
        return 0;
    size_t length = quotes + strspn(text + quotes, ":=");
    return length + strspn(text + length, "\"' ");
}

// "user:password@" right behind "://".
static size_t userinfo_length(const char *text)
{
    size_t length = strcspn(text, "/?# \"'");
    const char *at = memrchr(text, '@', length);
    return at != NULL ? (size_t)(at - text) : 0;
}

static size_t value_length(const char *text)
{
    size_t scheme = run_length(text, in_name);
    if (is_scheme(text, scheme) && text[scheme] == ' ')
        return scheme + 1 + strcspn(text + scheme + 1, " ,;\"'&");
    return strcspn(text, " ,;\"'&");
}

// Takes one piece off text: a word with the secret behind it, or one character.
static size_t take(const char *text, struct strbuf *out)
{
    size_t name = run_length(text, in_name);
    size_t between = name > 0 ? assignment_length(text + name) : 0;
    if (strncmp(text, "://", 3) == 0) {
        size_t user = userinfo_length(text + 3);
        strbuf_addf(out, "://%s", user > 0 ? cut : "");
        return 3 + user;
    }
    if (between > 0 && is_name(text, name)) {
        size_t value = value_length(text + name + between);
        strbuf_add(out, text, name + between);
        strbuf_addstr(out, value > 0 ? cut : "");
        return name + between + value;
    }
    if (is_scheme(text, name) && text[name] == ' ') {
        strbuf_addf(out, "%.*s %s", (int)name, text, cut);
        return name + 1 + strcspn(text + name + 1, " ,;\"'");
    }
    size_t run = run_length(text, in_secret);
    if (looks_random(text, run)) {
        strbuf_addstr(out, cut);
        return run;
    }
    size_t plain = name > 0 ? name : 1;
    strbuf_add(out, text, plain);
    return plain;
}

char *signer_words(const char *text, size_t size)
{
    struct strbuf line, out;
    // One name at most is longer than what it stands for.
    strbuf_init(&line, MAX_READ);
    strbuf_init(&out, MAX_READ * sizeof cut);
    for (size_t i = 0; i < size && line.len < MAX_READ; i++) {
        char ch = isprint((unsigned char)text[i]) ? text[i] : ' ';
        if (ch != ' ' || (line.len > 0 && line.data[line.len - 1] != ' '))
            strbuf_addch(&line, ch);
    }
    if (line.len > 0 && line.data[line.len - 1] == ' ')
        strbuf_truncate(&line, line.len - 1);
    for (const char *at = line.data; *at != '\0';)
        at += take(at, &out);
    if (out.len > MAX_WORDS) {
        strbuf_truncate(&out, MAX_WORDS);
        strbuf_addstr(&out, "…");
    }
    explicit_bzero(line.data, line.len);
    strbuf_release(&line);
    return strbuf_steal(&out);
}
