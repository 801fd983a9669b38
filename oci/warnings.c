#include "oci/warnings.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUE = 8192 };

struct speaker {
    char *host;
    struct vec texts; // char *
};

struct oci_warnings {
    pthread_mutex_t lock;
    void (*tell)(void *arg, const char *host, const char *text);
    void *arg;
    struct vec speakers;
};

static void release_speaker(void *speaker)
{
    struct speaker *this = speaker;
    free(this->host);
    vec_free(&this->texts);
}

struct oci_warnings *oci_warnings_new(void (*tell)(void *arg, const char *host, const char *text),
                                      void *arg)
{
    struct oci_warnings *warnings = xcalloc(1, sizeof *warnings);
    pthread_mutex_init(&warnings->lock, NULL);
    warnings->tell = tell;
    warnings->arg = arg;
    warnings->speakers = VEC_OF(struct speaker, release_speaker);
    return warnings;
}

void oci_warnings_free(struct oci_warnings *warnings)
{
    if (warnings == NULL)
        return;
    vec_free(&warnings->speakers);
    pthread_mutex_destroy(&warnings->lock);
    free(warnings);
}

// A quoted string; text (if given) gets what is in it, one printable line. Where it ends, or NULL
// when none begins here or it never ends.
static const char *quoted(const char *cursor, struct strbuf *text)
{
    if (*cursor++ != '"')
        return NULL;
    for (; *cursor != '"'; cursor++) {
        cursor += *cursor == '\\';
        if (*cursor == '\0')
            return NULL;
        if (text != NULL)
            strbuf_addch(text, isprint((unsigned char)*cursor) ? *cursor : ' ');
    }
    return cursor + 1;
}

static const char *skip_space(const char *cursor)
{
    return cursor + strspn(cursor, " \t");
}

// 299 agent "text" ["date"], up to the comma behind it; NULL when it is none.
static const char *take_one(const char *cursor, struct vec *texts)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, OCI_WARNING_MAX);
    bool is_for_users = strncmp(cursor, "299 ", 4) == 0;
    size_t digits = strspn(cursor, "0123456789");
    const char *agent = skip_space(cursor + digits);
    size_t length = strcspn(agent, " \t\",");
    if (digits != 3 || agent == cursor + digits || length == 0)
        return NULL;
    cursor = quoted(skip_space(agent + length), &text);
    if (cursor == NULL)
        return NULL;
    const char *date = quoted(skip_space(cursor), NULL);
    cursor = skip_space(date != NULL ? date : cursor);
    if (*cursor != ',' && *cursor != '\0')
        return NULL;
    if (is_for_users && strspn(text.data, " ") < text.len)
        vec_push_string(texts, text.data);
    return cursor;
}

void oci_warning_texts(const char *value, struct vec *texts)
{
    if (strnlen(value, MAX_VALUE + 1) > MAX_VALUE)
        return;
    for (const char *cursor = value; cursor != NULL && *cursor != '\0';) {
        cursor += strspn(cursor, ", \t");
        if (*cursor != '\0')
            cursor = take_one(cursor, texts);
    }
}

static struct speaker *find_speaker(struct oci_warnings *warnings, const char *host)
{
    vec_foreach (struct speaker, speaker, &warnings->speakers)
        if (strcmp(speaker->host, host) == 0)
            return speaker;
    if (warnings->speakers.len >= OCI_WARNINGS_HOSTS)
        return NULL;
    struct speaker *speaker = vec_push(&warnings->speakers);
    *speaker = (struct speaker){.host = xstrdup(host), .texts = VEC_OF(char *, vec_release_string)};
    return speaker;
}

// Under the lock.
static void take_text(struct oci_warnings *warnings, const char *host, const char *text)
{
    struct speaker *speaker = find_speaker(warnings, host);
    if (speaker == NULL || speaker->texts.len >= OCI_WARNINGS_OF_HOST)
        return;
    vec_foreach (char *, known, &speaker->texts)
        if (strcmp(*known, text) == 0)
            return;
    vec_push_string(&speaker->texts, text);
    warnings->tell(warnings->arg, host, text);
}

void oci_warnings_take(struct oci_warnings *warnings, const char *host, const char *value)
{
    cleanup_vec struct vec texts = VEC_OF(char *, vec_release_string);
    oci_warning_texts(value, &texts);
    pthread_mutex_lock(&warnings->lock);
    vec_foreach (char *, text, &texts)
        take_text(warnings, host, *text);
    pthread_mutex_unlock(&warnings->lock);
}
