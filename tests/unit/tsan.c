// jansson counts references atomically, but first looks with a plain read whether the value is a
// constant, and takes no acquire before it frees. ThreadSanitizer sees a race in both; the counter
// itself is never wrong.
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:json_decref\n"
           "race:json_incref\n"
           "race:json_delete\n"
           "race:jval_ref\n"
           "called_from_lib:libjansson.so.4\n";
}
