#include "controller/bundle_inputs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "controller/bundle_inputs_internal.h"
#include "render/git/gitsnapshot.h"

static const int64_t default_time_ms = 5 * 60 * 1000;
static const size_t default_repository_bytes = (size_t)1 << 30;

static void release_input(void *element)
{
    struct bundle_input *input = element;
    free(input->uri);
    free(input->digest);
}

void bundle_login_release(void *element)
{
    struct bundle_login *login = element;
    free(login->url);
    free(login->username);
    secret_free(login->password);
}

static void release_snapshot(void *element)
{
    gitsnapshot_free(*(struct gitsnapshot **)element);
}

struct bundle_inputs *bundle_inputs_new(const struct bundle_inputs_config *config)
{
    struct bundle_inputs *inputs = xcalloc(1, sizeof *inputs);
    inputs->config = *config;
    inputs->dir = xstrdup_or_null(config->dir);
    inputs->config.dir = inputs->dir;
    if (inputs->config.deadline_mono_ms == 0)
        inputs->config.deadline_mono_ms = clock_mono_ms(clock_system()) + default_time_ms;
    if (inputs->config.max_bytes == 0)
        inputs->config.max_bytes = default_repository_bytes;
    inputs->remotes = remotes_new();
    inputs->snapshots = VEC_OF(struct gitsnapshot *, release_snapshot);
    inputs->list = VEC_OF(struct bundle_input, release_input);
    inputs->warnings = VEC_OF(char *, vec_release_string);
    inputs->used = VEC_OF(char *, vec_release_string);
    return inputs;
}

void bundle_inputs_free(struct bundle_inputs *inputs)
{
    if (inputs == NULL)
        return;
    remotes_free(inputs->remotes);
    vec_free(&inputs->snapshots);
    vec_free(&inputs->list);
    vec_free(&inputs->warnings);
    vec_free(&inputs->used);
    free(inputs->dir);
    free(inputs);
}

void cleanup_bundle_inputs_pointer(struct bundle_inputs **inputs)
{
    bundle_inputs_free(*inputs);
}

static int compare_inputs(const void *a, const void *b)
{
    const struct bundle_input *first = a;
    const struct bundle_input *second = b;
    int order = strcmp(first->uri, second->uri);
    return order != 0 ? order : strcmp(first->digest, second->digest);
}

// Sorted, because the order of fetching says nothing; two spellings of one URL are one input.
static void sort_inputs(struct vec *list)
{
    vec_sort(list, compare_inputs);
    for (size_t i = 1; i < list->len;) {
        if (compare_inputs(vec_at(list, i - 1), vec_at(list, i)) == 0)
            vec_remove(list, i);
        else
            i++;
    }
}

static bool is_used(const struct bundle_inputs *inputs, const char *name)
{
    vec_foreach (char *, used, &inputs->used)
        if (strncmp(*used, name, strlen(*used)) == 0)
            return true;
    return false;
}

// What bundle_inputs_fetch.c names a copy.
static bool is_copy(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdef");
    const char *ending = name + digits;
    return digits == COPY_NAME_DIGITS &&
           (*ending == '\0' || strcmp(ending, ".json") == 0 || strcmp(ending, ".file") == 0);
}

// Copies of bases that nothing names any more. What cannot be removed is tried again another time.
static void drop_unused(const struct bundle_inputs *inputs)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    DIR *dir = inputs->config.dir != NULL ? opendir(inputs->config.dir) : NULL;
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        cleanup_free char *path = path_join(inputs->config.dir, entry->d_name);
        struct stat st;
        if (!is_copy(entry->d_name) || is_used(inputs, entry->d_name) || lstat(path, &st) < 0 ||
            now_ms - (int64_t)st.st_mtim.tv_sec * 1000 < inputs->config.keep_ms)
            continue;
        cleanup_error struct error ignored = {0};
        if (file_remove_tree(path, &ignored) < 0)
            continue;
    }
    closedir(dir);
}

static void finish(struct bundle_inputs *inputs, struct render_result *result)
{
    sort_inputs(&inputs->list);
    vec_foreach (char *, warning, &inputs->warnings)
        vec_push_string(&result->warnings, *warning);
    drop_unused(inputs);
}

void bundle_inputs_tell(const struct bundle_inputs *inputs, const struct remote *remote)
{
    if (inputs->config.tell == NULL)
        return;
    cleanup_free char *step =
        xasprintf("fetching %s%s%s", remote->name, *remote->ref != '\0' ? " at " : "", remote->ref);
    inputs->config.tell(inputs->config.tell_arg, step);
}

static int fetch_wanted(struct bundle_inputs *inputs, struct error *err)
{
    cleanup_vec struct vec files = VEC_OF(struct remote *, NULL);
    cleanup_vec struct vec repositories = VEC_OF(struct remote *, NULL);
    remotes_wanted(inputs->remotes, REMOTE_FILE, &files);
    remotes_wanted(inputs->remotes, REMOTE_REPOSITORY, &repositories);
    if (inputs->config.dir != NULL && file_make_dirs(inputs->config.dir, err) < 0)
        return -1;
    if (bundle_inputs_fetch_files(inputs, &files, err) < 0)
        return -1;
    vec_foreach (struct remote *, remote, &repositories) {
        bundle_inputs_tell(inputs, *remote);
        if (cancel_check(inputs->config.cancel, err) < 0 ||
            bundle_inputs_fetch_repository(inputs, *remote, err) < 0)
            return error_wrap(err, "%s", (*remote)->place);
    }
    return 0;
}

// Each turn brings something new, and remotes bounds how much there can be.
int bundle_inputs_render(struct bundle_inputs *inputs, struct tree *tree, const char *path,
                         const struct render_options *options, struct render_result *ret_result,
                         struct error *err)
{
    struct render_options with_remotes = *options;
    with_remotes.remotes = inputs->remotes;
    inputs->failed = false;
    for (;;) {
        cleanup_render_result struct render_result result = {0};
        cleanup_error struct error failure = {0};
        int done = render_tree(tree, path, &with_remotes, &result, &failure);
        bool complete = remotes_are_complete(inputs->remotes);
        if (done < 0 && (complete || failure.code == ERROR_LIMIT))
            return error_move(err, &failure);
        if (complete) {
            finish(inputs, &result);
            *ret_result = result;
            result = (struct render_result){0};
            return 0;
        }
        if (fetch_wanted(inputs, err) < 0) {
            inputs->failed = true;
            return -1;
        }
    }
}

bool bundle_inputs_failed(const struct bundle_inputs *inputs)
{
    return inputs->failed;
}

const struct vec *bundle_inputs_list(const struct bundle_inputs *inputs)
{
    return &inputs->list;
}

char *bundle_inputs_digest(const struct bundle_inputs *inputs)
{
    cleanup_strbuf struct strbuf text;
    strbuf_init(&text, SIZE_MAX);
    vec_foreach (const struct bundle_input, input, &inputs->list)
        strbuf_addf(&text, "%s %s:%s\n", input->uri, input->algorithm, input->digest);
    if (text.len == 0)
        return xstrdup("");
    struct digest digest = digest_of(text.data, text.len);
    return xstrdup(digest.text);
}
