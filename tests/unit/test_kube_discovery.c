#include "base/kube/kube_discovery.h"

#include "base/memory.h"

#include "fake_kube.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGGREGATED                                                                           \
    "Content-Type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n" \
    "ETag: \"1\"\r\n"

static const char CORE[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{},\"versions\":[{\"version\":"
    "\"v1\",\"freshness\":\"Current\",\"resources\":[{\"resource\":\"configmaps\","
    "\"responseKind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"ConfigMap\"},\"scope\":"
    "\"Namespaced\",\"singularResource\":\"configmap\",\"verbs\":[\"get\",\"list\",\"strange\"],"
    "\"shortNames\":[\"cm\"]},{\"resource\":\"namespaces\",\"responseKind\":{\"kind\":"
    "\"Namespace\"},\"scope\":\"Cluster\",\"verbs\":[\"get\",\"watch\"],\"subresources\":"
    "[{\"subresource\":\"status\"}]},{\"resource\":\"odd\"},7]}]}]}";

static const char GROUPS[] =
    "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"apps\"},"
    "\"versions\":[{\"version\":\"v1\",\"freshness\":\"%s\",\"resources\":[%s]},"
    "{\"version\":\"v1beta1\",\"resources\":[{\"resource\":\"deployments\",\"responseKind\":"
    "{\"kind\":\"Deployment\"},\"scope\":\"Namespaced\",\"verbs\":[]}]}]}]}";

static const char DEPLOYMENTS[] =
    "{\"resource\":\"deployments\",\"responseKind\":{\"kind\":\"Deployment\"},\"scope\":"
    "\"Namespaced\",\"singularResource\":\"deployment\",\"verbs\":[\"patch\"],\"shortNames\":"
    "[\"deploy\"],\"subresources\":[{\"subresource\":\"status\"},{\"subresource\":\"scale\"}]}";

enum how { HOW_AGGREGATED, HOW_STALE, HOW_LEGACY, HOW_BROKEN_GROUP, HOW_HTML };

struct scene {
    enum how how;
    struct fake_http *server;
    struct kube_client *client;
};

static void reply_aggregated(struct scene *scene, struct fake_exchange *exchange)
{
    bool stale = scene->how == HOW_STALE;
    if (!stale && strstr(exchange->head, "If-None-Match: \"1\"") != NULL) {
        fake_reply(exchange, "304 Not Modified", "ETag: \"1\"\r\n", "");
    } else if (strcmp(exchange->path, "/api") == 0) {
        fake_reply(exchange, "200 OK", AGGREGATED, CORE);
    } else {
        char groups[4096];
        snprintf(groups, sizeof groups, GROUPS, stale ? "Stale" : "Current",
                 stale ? "" : DEPLOYMENTS);
        fake_reply(exchange, "200 OK", AGGREGATED, groups);
    }
}

static void reply_legacy(struct scene *scene, struct fake_exchange *exchange)
{
    static const char *const answers[][2] = {
        {"/api", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"},
        {"/apis", "{\"kind\":\"APIGroupList\",\"groups\":[{\"name\":\"apps\",\"versions\":["
                  "{\"version\":\"v1beta1\"},{\"version\":\"v1\"}],\"preferredVersion\":"
                  "{\"version\":\"v1\"}}]}"},
        {"/api/v1", "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"namespaces/status\","
                    "\"kind\":\"Namespace\"},{\"name\":\"namespaces\",\"kind\":\"Namespace\","
                    "\"namespaced\":false,\"verbs\":[\"get\",\"watch\"]},{\"name\":\"configmaps\","
                    "\"kind\":\"ConfigMap\",\"namespaced\":true,\"singularName\":\"configmap\","
                    "\"verbs\":[\"get\",\"list\"],\"shortNames\":[\"cm\"]}]}"},
        {"/apis/apps/v1",
         "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"deployments\",\"kind\":"
         "\"Deployment\",\"namespaced\":true,\"singularName\":\"deployment\",\"verbs\":"
         "[\"patch\"],\"shortNames\":[\"deploy\"]},{\"name\":\"deployments/status\",\"kind\":"
         "\"Deployment\"},{\"name\":\"deployments/scale\",\"kind\":\"Scale\"}]}"},
        {"/apis/apps/v1beta1", "{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":"
                               "\"deployments\",\"kind\":\"Deployment\",\"namespaced\":true,"
                               "\"verbs\":[]}]}"},
    };
    if (scene->how == HOW_BROKEN_GROUP && strncmp(exchange->path, "/apis/apps/", 11) == 0) {
        fake_reply(exchange, "503 Service Unavailable", "", "");
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
        if (strcmp(exchange->path, answers[i][0]) == 0)
            fake_kube_reply(exchange, answers[i][1]);
    }
}

static void handle(void *arg, struct fake_exchange *exchange)
{
    struct scene *scene = arg;
    if (scene->how == HOW_HTML)
        fake_reply(exchange, "200 OK", "Content-Type: text/html\r\n", "<html>");
    else if (scene->how == HOW_AGGREGATED || scene->how == HOW_STALE)
        reply_aggregated(scene, exchange);
    else
        reply_legacy(scene, exchange);
}

static int setup(void **state)
{
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->server = fake_http_start(NULL, handle, scene);
    scene->client = fake_kube_client(scene->server);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    kube_client_free(scene->client);
    fake_http_stop(scene->server);
    free(scene);
    return 0;
}

static struct kube_discovery *fetch(struct scene *scene, enum how how,
                                    const struct kube_discovery *previous)
{
    struct kube_discovery *discovery = NULL;
    cleanup_error struct error err = {0};
    scene->how = how;
    if (kube_discovery_fetch(scene->client, previous, NULL, &discovery, &err) < 0)
        fail_msg("%s", err.message);
    return discovery;
}

static void assert_whole(const struct kube_discovery *discovery)
{
    const struct kube_kind *deployment = kube_discovery_find(discovery, "apps", NULL, "Deployment");
    assert_non_null(deployment);
    assert_string_equal(deployment->version, "v1"); // the preferred one
    assert_true(deployment->namespaced && deployment->has_status && deployment->has_scale);
    assert_int_equal(deployment->can, KUBE_CAN_PATCH);
    assert_false(deployment->stale);
    assert_ptr_equal(kube_discovery_find_object(discovery, "apps/v1", "Deployment"), deployment);
    assert_string_equal(
        kube_discovery_find_object(discovery, "apps/v1beta1", "Deployment")->version, "v1beta1");
    static const char *const names[] = {"deploy", "Deployments", "deployment.apps",
                                        "deployments.v1.apps"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_ptr_equal(kube_discovery_find_name(discovery, names[i]), deployment);
    assert_string_equal(kube_discovery_find_name(discovery, "deployments.v1beta1.apps")->version,
                        "v1beta1");
    assert_null(kube_discovery_find_name(discovery, "deployments.extensions"));
    assert_null(kube_discovery_find_name(discovery, ""));
    const struct kube_kind *namespace_ = kube_discovery_find_object(discovery, "v1", "Namespace");
    assert_false(namespace_->namespaced);
    assert_true(namespace_->has_status);
    assert_null(kube_kind_ref(namespace_, "shop", "shop").namespace_);
    assert_string_equal(kube_kind_ref(deployment, "shop", "web").namespace_, "shop");
    assert_int_equal(kube_discovery_find_name(discovery, "cm.v1")->can,
                     KUBE_CAN_GET | KUBE_CAN_LIST);
    assert_int_equal(kube_discovery_count(discovery), 4);
    assert_false(kube_discovery_is_stale(discovery, "apps"));
}

static void test_discovery_in_both_forms(void **state)
{
    struct scene *scene = *state;
    cleanup_kube_discovery struct kube_discovery *aggregated = fetch(scene, HOW_AGGREGATED, NULL);
    assert_whole(aggregated);
    cleanup_kube_discovery struct kube_discovery *legacy = fetch(scene, HOW_LEGACY, NULL);
    assert_whole(legacy);
    cleanup_kube_discovery struct kube_discovery *same = fetch(scene, HOW_AGGREGATED, aggregated);
    assert_ptr_equal(same, aggregated);
}

static void test_discovery_keeps_what_a_broken_group_had(void **state)
{
    struct scene *scene = *state;
    static const enum how whole[] = {HOW_AGGREGATED, HOW_LEGACY};
    static const enum how broken[] = {HOW_STALE, HOW_BROKEN_GROUP};
    for (size_t i = 0; i < ARRAY_LENGTH(whole); i++) {
        cleanup_kube_discovery struct kube_discovery *before = fetch(scene, whole[i], NULL);
        cleanup_kube_discovery struct kube_discovery *after = fetch(scene, broken[i], before);
        assert_true(kube_discovery_is_stale(after, "apps"));
        assert_false(kube_discovery_is_stale(after, ""));
        const struct kube_kind *deployment = kube_discovery_find(after, "apps", "v1", "Deployment");
        assert_non_null(deployment);
        assert_true(deployment->stale);
        assert_string_equal(deployment->plural, "deployments");
        cleanup_kube_discovery struct kube_discovery *healed = fetch(scene, whole[i], after);
        if (i == 1)
            assert_whole(healed);
        // Nothing was known before: nothing is known now, and that is said.
        cleanup_kube_discovery struct kube_discovery *blind = fetch(scene, broken[i], NULL);
        assert_true(kube_discovery_is_stale(blind, "apps"));
        assert_null(kube_discovery_find(blind, "apps", "v1", "Deployment"));
    }
}

static void test_discovery_of_something_else(void **state)
{
    struct scene *scene = *state;
    struct kube_discovery *discovery = NULL;
    cleanup_error struct error err = {0};
    scene->how = HOW_HTML;
    assert_int_equal(kube_discovery_fetch(scene->client, NULL, NULL, &discovery, &err), -1);
    assert_non_null(strstr(err.message, "is this the address of an API server?"));
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_discovery_in_both_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_discovery_keeps_what_a_broken_group_had, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_discovery_of_something_else, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
