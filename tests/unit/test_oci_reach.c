// Where a registry may send us on to. The registry of these tests is at 127.0.0.2, which no name
// and no rule takes for this machine; what is at 127.0.0.1 stands for what it must not reach.
#include "oci/repository.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fake_registry.h"

#include <string.h>

enum { THERE = 0x7f000002 };

struct scene {
    struct fake *registry, *inside;
};

static void answer_hello(struct fake *fake)
{
    fake_answer(fake, 200, "", "hello");
}

static void send_on_for_a_token(struct fake *fake)
{
    const struct scene *scene = fake->data;
    cleanup_free char *challenge =
        xasprintf("WWW-Authenticate: Bearer realm=\"http://localhost:%d/token\",service=\"x\"\r\n",
                  scene->inside->port);
    fake_answer(fake, 401, challenge, "");
}

static void send_on_for_a_blob(struct fake *fake)
{
    const struct scene *scene = fake->data;
    cleanup_free char *location =
        xasprintf("Location: http://127.0.0.1:%d/blob\r\n", scene->inside->port);
    fake_answer(fake, 307, location, "");
}

static void send_on_with_an_upload(struct fake *fake)
{
    const struct scene *scene = fake->data;
    cleanup_free char *location =
        xasprintf("Location: http://127.0.0.1:%d/upload\r\n", scene->inside->port);
    if (fake_is(fake, "POST", "/"))
        fake_answer(fake, 202, location, "");
}

// On another port of its own host: no other host.
static void send_on_to_itself(struct fake *fake)
{
    cleanup_free char *location = xasprintf("Location: http://127.0.0.2:%d/stored\r\n", fake->port);
    if (fake_is(fake, "GET", "/stored"))
        fake_answer(fake, 200, "", "hello");
    else
        fake_answer(fake, 307, location, "");
}

static void open_scene(struct scene *scene, void (*handle)(struct fake *fake),
                       struct oci_repository **ret_repository)
{
    scene->inside = fake_start(answer_hello, NULL);
    scene->registry = fake_start_at(THERE, handle, scene);
    cleanup_free char *text = xasprintf("oci://127.0.0.2:%d/acme/shop", scene->registry->port);
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    struct oci_access access = {.insecure = true,
                                .proxy = "",
                                .deadline_mono_ms = clock_mono_ms(clock_system()) + 20 * 1000};
    assert_int_equal(oci_repository_open(&reference, &access, ret_repository, NULL), 0);
}

static void close_scene(struct scene *scene, int reached)
{
    fake_stop(scene->registry);
    fake_stop(scene->inside);
    assert_int_equal(scene->inside->count, reached);
    fake_free(scene->registry);
    fake_free(scene->inside);
}

static int get_hello(struct oci_repository *repository, struct error *err)
{
    cleanup_oci_descriptor struct oci_descriptor blob = oci_descriptor_of("a/b", "hello", 5);
    cleanup_free char *data = NULL;
    size_t size = 0;
    return oci_get_blob(repository, &blob, 100, &data, &size, err);
}

static void assert_refused(const struct error *err)
{
    if (err->code != ERROR_DENIED || strstr(error_message(err), "must not be reached") == NULL)
        fail_msg("%s", error_message(err));
}

static void test_oci_reach_of_reading(void **state)
{
    (void)state;
    void (*const handles[])(struct fake * fake) = {send_on_for_a_token, send_on_for_a_blob};
    for (size_t i = 0; i < ARRAY_LENGTH(handles); i++) {
        struct scene scene;
        cleanup_oci_repository struct oci_repository *repository = NULL;
        cleanup_error struct error err = {0};
        open_scene(&scene, handles[i], &repository);
        assert_int_equal(get_hello(repository, &err), -1);
        assert_refused(&err);
        close_scene(&scene, 0);
    }
}

static void test_oci_reach_of_uploads(void **state)
{
    (void)state;
    struct scene scene;
    cleanup_oci_repository struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    open_scene(&scene, send_on_with_an_upload, &repository);
    assert_int_equal(oci_put_blob(repository, "a/b", "hello", 5, NULL, &err), -1);
    assert_refused(&err);
    close_scene(&scene, 0);
}

static void test_oci_reach_of_its_own_host(void **state)
{
    (void)state;
    struct scene scene;
    cleanup_oci_repository struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    open_scene(&scene, send_on_to_itself, &repository);
    if (get_hello(repository, &err) < 0)
        fail_msg("%s", error_message(&err));
    close_scene(&scene, 0);
}

// Storage that wants a login is no registry: its challenge goes unanswered. It leads back to the
// registry, whose token server would get the password.
static void refuse_like_a_registry(struct fake *fake)
{
    struct fake *const *registry = fake->data;
    cleanup_free char *challenge =
        xasprintf("WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%d/token\",service=\"x\"\r\n",
                  (*registry)->port);
    fake_answer(fake, 401, challenge, "");
}

static void test_oci_reach_only_the_registry_challenges(void **state)
{
    (void)state;
    struct scene scene = {0};
    scene.inside = fake_start(refuse_like_a_registry, &scene.registry);
    scene.registry = fake_start(send_on_for_a_blob, &scene);
    cleanup_free char *text = xasprintf("oci://127.0.0.1:%d/acme/shop", scene.registry->port);
    cleanup_oci_reference struct oci_reference reference = {0};
    assert_int_equal(oci_reference_parse(text, &reference, NULL), 0);
    struct oci_access access = {.username = "u", .password = "p", .proxy = ""};
    cleanup_oci_repository struct oci_repository *repository = NULL;
    cleanup_error struct error err = {0};
    assert_int_equal(oci_repository_open(&reference, &access, &repository, NULL), 0);
    assert_int_equal(get_hello(repository, &err), -1);
    assert_int_equal(err.code, ERROR_DENIED);
    assert_null(strstr(scene.registry->journal.data, "/token"));
    close_scene(&scene, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_reach_of_reading),
        cmocka_unit_test(test_oci_reach_of_uploads),
        cmocka_unit_test(test_oci_reach_of_its_own_host),
        cmocka_unit_test(test_oci_reach_only_the_registry_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
