/* A plain echo server over frames of a 4-byte length and a payload: the yardstick
 * for the loop models. One thread, level-triggered epoll, one recv and one send a
 * request. usage: echo_server CPU; prints "PORT" on stdout. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER = 16384, LENGTH = 4 };

static void die(const char *what) { perror(what); exit(1); }

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (cpu >= 0 && sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
}

static int listen_on_loopback(void) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, size) || listen(fd, 1024)) die("listen");
    if (getsockname(fd, (struct sockaddr *)&addr, &size)) die("getsockname");
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

/* Echoes what one recv brings; with one request in flight that is one whole frame. */
static void serve(int fd) {
    char buffer[BUFFER];
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) close(fd);
        return;
    }
    unsigned length;
    memcpy(&length, buffer, LENGTH);
    if (n < LENGTH || ntohl(length) != (unsigned)n - LENGTH || send(fd, buffer, n, MSG_NOSIGNAL) != n) close(fd);
}

int main(int argc, char **argv) {
    struct epoll_event events[EVENTS], want = {.events = EPOLLIN};
    int one = 1;
    pin(argc > 1 ? atoi(argv[1]) : -1);
    int listener = listen_on_loopback(), epoll = epoll_create1(0);
    want.data.fd = listener;
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &want)) die("epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                serve(events[i].data.fd);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            want.data.fd = fd;
            if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want)) die("epoll_ctl");
        }
    }
}
