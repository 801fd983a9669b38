// The order of keys in what go-yaml v2 writes (sorter.go).
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue_internal.h"

static bool is_digit(unsigned code)
{
    return code >= '0' && code <= '9';
}

// Every character outside ASCII counts as a letter, which differs from Go for a few symbols only.
static bool is_letter(unsigned code)
{
    return code >= 0x80 || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
}

static uint64_t take_digits(const unsigned char *text, size_t *at, uint64_t start)
{
    for (; is_digit(text[*at]); (*at)++)
        start = start * 10 + (text[*at] - '0');
    return start;
}

// keyList.Less of go-yaml: runs of digits compare as numbers, letters come after what is none.
// UTF-8 keeps the order of code points, so bytes will do. It is no order in the mathematical sense
// ("10" < "1a" < "2" < "10"), hence the stable sort below.
static bool natural_less(const char *left, const char *right)
{
    const unsigned char *a = (const unsigned char *)left;
    const unsigned char *b = (const unsigned char *)right;
    size_t i = 0;
    while (a[i] != '\0' && a[i] == b[i])
        i++;
    if (a[i] == '\0' || b[i] == '\0')
        return a[i] == '\0' && b[i] != '\0';
    bool a_letter = is_letter(a[i]);
    bool b_letter = is_letter(b[i]);
    if (a_letter && b_letter)
        return a[i] < b[i];
    if (a_letter || b_letter)
        return b_letter;
    uint64_t start = 0;
    if (a[i] == '0' || b[i] == '0')
        for (size_t j = i; j > 0 && is_digit(a[j - 1]); j--)
            if (a[j - 1] != '0') {
                start = 1;
                break;
            }
    size_t a_end = i;
    size_t b_end = i;
    uint64_t a_number = take_digits(a, &a_end, start);
    uint64_t b_number = take_digits(b, &b_end, start);
    if (a_number != b_number)
        return a_number < b_number;
    return a_end != b_end ? a_end < b_end : a[i] < b[i];
}

static int compare_bytes(const void *a, const void *b)
{
    return strcmp(((const struct yamlvalue_member *)a)->name,
                  ((const struct yamlvalue_member *)b)->name);
}

// Names differ, so that any way to sort them gives one result.
static void sort_by_bytes(struct yamlvalue_member *list, size_t n)
{
    if (n > YAMLVALUE_FEW_MEMBERS) {
        qsort(list, n, sizeof *list, compare_bytes);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct yamlvalue_member moved = list[i];
        size_t j = i;
        for (; j > 0 && strcmp(list[j - 1].name, moved.name) > 0; j--)
            list[j] = list[j - 1];
        list[j] = moved;
    }
}

// Merges the sorted runs [low, middle) and [middle, high) of `from` into `to`.
static void merge_runs(const struct yamlvalue_member *from, struct yamlvalue_member *to, size_t low,
                       size_t middle, size_t high)
{
    size_t left = low;
    size_t right = middle;
    for (size_t i = low; i < high; i++) {
        bool take_right =
            left >= middle || (right < high && natural_less(from[right].name, from[left].name));
        to[i] = take_right ? from[right++] : from[left++];
    }
}

// Names without digits have an order in the mathematical sense, in which neighbours decide.
static bool is_in_order(const struct yamlvalue_member *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strpbrk(list[i].name, "0123456789") != NULL ||
            (i > 0 && !natural_less(list[i - 1].name, list[i].name)))
            return false;
    return true;
}

// Bytewise first, so that the same set of names always starts from the same sequence.
void yamlvalue_members_open(struct yamlvalue_members *members, const struct value *object)
{
    size_t n = value_object_size(object);
    members->n = n;
    members->owned = NULL;
    members->list = members->few;
    struct yamlvalue_member *other = members->few + YAMLVALUE_FEW_MEMBERS;
    if (n > YAMLVALUE_FEW_MEMBERS) {
        members->owned = xcalloc(2 * n, sizeof *members->owned);
        members->list = members->owned;
        other = members->owned + n;
    }
    size_t filled = 0;
    const struct value *key = NULL;
    struct value *member = NULL;
    for (size_t at = 0; value_object_next(object, &at, &key, &member);)
        members->list[filled++] =
            (struct yamlvalue_member){value_string_value(key), value_string_length(key), member};
    sort_by_bytes(members->list, n);
    if (is_in_order(members->list, n))
        return;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            size_t middle = low + width < n ? low + width : n;
            size_t high = low + 2 * width < n ? low + 2 * width : n;
            merge_runs(members->list, other, low, middle, high);
        }
        struct yamlvalue_member *swap = members->list;
        members->list = other;
        other = swap;
    }
}

void yamlvalue_members_close(struct yamlvalue_members *members)
{
    free(members->owned);
}
