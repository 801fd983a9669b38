#include "base/clock.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono_ms(const struct clock *clock)
{
    (void)clock;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
    static const struct clock clock = {.wall_ms = system_wall_ms, .mono_ms = system_mono_ms};
    return &clock;
}

int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock);
}

int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ms(clock);
}

static int64_t fake_wall_ms(const struct clock *clock)
{
    const struct fake_clock *fake = (const struct fake_clock *)clock;
    return __atomic_load_n(&fake->now_wall_ms, __ATOMIC_ACQUIRE);
}

static int64_t fake_mono_ms(const struct clock *clock)
{
    const struct fake_clock *fake = (const struct fake_clock *)clock;
    return __atomic_load_n(&fake->now_mono_ms, __ATOMIC_ACQUIRE);
}

void fake_clock_init(struct fake_clock *fake, int64_t wall_ms)
{
    *fake = (struct fake_clock){.clock = {.wall_ms = fake_wall_ms, .mono_ms = fake_mono_ms},
                                .now_wall_ms = wall_ms,
                                .now_mono_ms = 1000};
}

void fake_clock_advance(struct fake_clock *fake, int64_t ms)
{
    __atomic_fetch_add(&fake->now_wall_ms, ms, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&fake->now_mono_ms, ms, __ATOMIC_ACQ_REL);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void format_time(int64_t wall_ms, bool with_ms, char *text)
{
    time_t seconds = (time_t)floor_div(wall_ms, 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    char day[TIME_TEXT_SIZE / 2 + 4];
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    if (with_ms)
        snprintf(text, TIME_TEXT_SIZE, "%s.%03dZ", day, (int)(wall_ms - (int64_t)seconds * 1000));
    else
        snprintf(text, TIME_TEXT_SIZE, "%sZ", day);
}

void time_format(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE])
{
    format_time(wall_ms, false, ret_text);
}

void time_format_ms(int64_t wall_ms, char ret_text[TIME_TEXT_SIZE])
{
    format_time(wall_ms, true, ret_text);
}

static bool take_digits(const char **cursor, int count, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char ch = (*cursor)[i];
        if (ch < '0' || ch > '9')
            return false;
        value = value * 10 + (ch - '0');
    }
    *cursor += count;
    *ret_value = value;
    return true;
}

static bool take_char(const char **cursor, const char *choice)
{
    if (**cursor == '\0' || strchr(choice, **cursor) == NULL)
        return false;
    (*cursor)++;
    return true;
}

static bool take_fraction_ms(const char **cursor, int *ret_ms)
{
    int ms = 0;
    int scale = 100;
    if (**cursor < '0' || **cursor > '9')
        return false;
    for (; **cursor >= '0' && **cursor <= '9'; (*cursor)++, scale /= 10)
        ms += (**cursor - '0') * scale;
    *ret_ms = ms;
    return true;
}

static bool take_offset_minutes(const char **cursor, int *ret_minutes)
{
    if (take_char(cursor, "Zz")) {
        *ret_minutes = 0;
        return true;
    }
    int sign = **cursor == '-' ? -1 : 1;
    int hours, minutes;
    if (!take_char(cursor, "+-") || !take_digits(cursor, 2, &hours) || !take_char(cursor, ":") ||
        !take_digits(cursor, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

int time_parse(const char *text, int64_t *ret_wall_ms, struct error *err)
{
    const char *cursor = text;
    int year, month, day, hour, minute, second, ms = 0, offset;
    bool ok = take_digits(&cursor, 4, &year) && take_char(&cursor, "-") &&
              take_digits(&cursor, 2, &month) && take_char(&cursor, "-") &&
              take_digits(&cursor, 2, &day) && take_char(&cursor, "Tt") &&
              take_digits(&cursor, 2, &hour) && take_char(&cursor, ":") &&
              take_digits(&cursor, 2, &minute) && take_char(&cursor, ":") &&
              take_digits(&cursor, 2, &second);
    if (ok && take_char(&cursor, "."))
        ok = take_fraction_ms(&cursor, &ms);
    ok = ok && take_offset_minutes(&cursor, &offset) && *cursor == '\0';
    ok = ok && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 && minute <= 59 &&
         second <= 60;
    if (!ok)
        return error_set(err, ERROR_INVALID,
                         "\"%.40s\" is no time; write it like 2026-01-31T12:00:00Z", text);
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    time_t seconds = timegm(&tm);
    if (tm.tm_mday != day && second < 60)
        return error_set(err, ERROR_INVALID, "\"%.40s\" names a day that does not exist", text);
    *ret_wall_ms = ((int64_t)seconds - offset * 60) * 1000 + ms;
    return 0;
}

static double unit_ms(const char **cursor)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1},     {"us", 1e-3}, {"µs", 1e-3}, {"ns", 1e-6},
                 {"h", 3600e3}, {"m", 60e3},  {"s", 1e3}};
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        size_t length = strlen(units[i].name);
        if (strncmp(*cursor, units[i].name, length) == 0) {
            *cursor += length;
            return units[i].ms;
        }
    }
    return 0;
}

int duration_parse(const char *text, int64_t *ret_ms, struct error *err)
{
    static const double max_ms = 100.0 * 365 * 24 * 3600e3;
    double total = 0;
    const char *cursor = text;
    bool ok = *cursor != '\0';
    while (ok && *cursor != '\0' && strcmp(text, "0") != 0) {
        double value = 0, scale = 1;
        bool any = false;
        for (; *cursor >= '0' && *cursor <= '9'; cursor++, any = true)
            value = value * 10 + (*cursor - '0');
        if (*cursor == '.') {
            for (cursor++; *cursor >= '0' && *cursor <= '9'; cursor++, any = true)
                value += (*cursor - '0') * (scale /= 10);
        }
        double unit = any ? unit_ms(&cursor) : 0;
        total += value * unit;
        ok = unit > 0 && total <= max_ms;
    }
    if (!ok)
        return error_set(err, ERROR_INVALID,
                         "\"%.40s\" is no duration; write it like 10m, 1h30m or 500ms", text);
    *ret_ms = (int64_t)(total + 0.5);
    return 0;
}

char *duration_format(int64_t ms)
{
    if (ms < 1000)
        return xasprintf("%lldms", (long long)ms);
    if (ms < 60 * 1000)
        return xasprintf("%.3gs", (double)ms / 1000);
    int64_t seconds = ms / 1000;
    struct strbuf text;
    strbuf_init(&text, 64);
    if (seconds >= 3600)
        strbuf_addf(&text, "%lldh", (long long)(seconds / 3600));
    if (seconds % 3600 >= 60)
        strbuf_addf(&text, "%lldm", (long long)(seconds % 3600 / 60));
    if (seconds % 60 != 0)
        strbuf_addf(&text, "%llds", (long long)(seconds % 60));
    return strbuf_steal(&text);
}
