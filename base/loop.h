// The event loop: it owns all mutable shared state of a role (timers, hooks, watches, the work
// queue). Everything here is for the loop's own thread, except loop_post and loop_stop.
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct loop;
struct event_base;

// The clock is borrowed for the loop's life. With a fake clock timers fire by its time: whoever
// advances it calls loop_post (or runs the loop) so that the loop looks again.
int loop_new(const struct clock *clock, struct loop **ret_loop, struct error *err)
    __attribute__((warn_unused_result));
// NULL is fine. Posted calls that did not run are dropped; timers and descriptor watches are freed
// by their owners before.
void loop_free(struct loop *loop);

// Until loop_stop. The calling thread becomes the loop's thread.
int loop_run(struct loop *loop, struct error *err) __attribute__((warn_unused_result));
// Handles what is ready now and returns; for tests.
void loop_run_once(struct loop *loop);
void loop_stop(struct loop *loop); // any thread, also a signal's

// Runs call(arg) on the loop, after everything posted before. Any thread.
void loop_post(struct loop *loop, void (*call)(void *arg), void *arg);
// Runs what was posted until now, without waiting for anything else; for owners that tear down.
void loop_run_posted(struct loop *loop);
bool loop_is_current(const struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);
// For bufferevents and evconnlisteners; borrowed.
struct event_base *loop_event_base(struct loop *loop);

// What all users of one loop share (one inotify descriptor for a hundred folders): a value per key,
// where a key is any address of the user's own. NULL when none was set. Setting replaces without
// freeing; NULL removes. Whoever sets it removes it before the loop is freed.
void *loop_shared(const struct loop *loop, const void *key);
void loop_set_shared(struct loop *loop, const void *key, void *value);

// A timer fires once, on the loop. Setting it again moves it.
struct loop_timer;
struct loop_timer *loop_timer_new(struct loop *loop, void (*call)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); // NULL is fine; also from its own call

// Watches a file descriptor until freed.
enum loop_fd_events { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };
struct loop_fd;
struct loop_fd *loop_fd_new(struct loop *loop, int fd, int events,
                            void (*call)(int fd, int events, void *arg), void *arg);
void loop_fd_free(struct loop_fd *watch); // NULL is fine; the descriptor stays open

// Calls on the loop when the signal arrives, until the loop is freed.
int loop_on_signal(struct loop *loop, int signal_number, void (*call)(int signal_number, void *arg),
                   void *arg, struct error *err) __attribute__((warn_unused_result));

#endif
