#include "oci/tag_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"

enum { MAX_TAGS = 8 };

static void test_oci_tag_words_name_some_tags_or_the_likely_one(void **state)
{
    (void)state;
    static const struct {
        const char *tags[MAX_TAGS];
        const char *wanted;
        const char *words;
    } rows[] = {
        {{NULL}, "prod", "; nothing is tagged there"},
        {{NULL}, NULL, "; nothing is tagged there"},
        {{"prod"}, "nightly", "; there are the tags prod"},
        {{"prod", "stable"}, "stabel", "; did you mean stable?"},
        {{"prod", "stable"}, NULL, "; there are the tags prod, stable"},
        {{"a", "b", "c", "d", "e"}, "prod", "; there are the tags a, b, c, d, e"},
        {{"a", "b", "c", "d", "e", "f", "g"}, "x", "; there are the tags a, b, c, d, e and 2 more"},
        {{"a", "b", "c", "d", "e", "prod"}, "prdo", "; did you mean prod?"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cleanup_vec struct vec tags = VEC_OF(char *, vec_release_string);
        for (size_t j = 0; j < MAX_TAGS && rows[i].tags[j] != NULL; j++)
            vec_push_string(&tags, rows[i].tags[j]);
        cleanup_free char *words = oci_tag_words(&tags, rows[i].wanted);
        assert_string_equal(words, rows[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_tag_words_name_some_tags_or_the_likely_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
