/* A plain server that answers every request frame with a 4-byte length and the first
 * bytes of a file by sendfile: the yardstick for hot fetches. One thread,
 * level-triggered epoll. usage: sendfile_server CPU FILE BYTES; prints "PORT". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, REQUEST = 65536, LENGTH = 4, DESCRIPTORS = 4096, SOCKET_BUFFER = 100 << 10 };

static int file;
static long long size;
static long long left[DESCRIPTORS]; /* of the answer under way, by socket */
static int epoll;

static void die(const char *what) { perror(what); exit(1); }

static void watch(int fd, int op, unsigned wanted) {
    struct epoll_event want = {.events = wanted, .data.fd = fd};
    if (epoll_ctl(epoll, op, fd, &want)) die("epoll_ctl");
}

static void answer(int fd) {
    off_t at = size - left[fd];
    while (left[fd] > 0) {
        ssize_t n = sendfile(fd, file, &at, left[fd]);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) { left[fd] = 0; close(fd); return; }
        left[fd] -= n;
    }
    watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

/* With one request in flight, one recv brings one frame. */
static void serve(int fd) {
    char request[REQUEST];
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) close(fd);
        return;
    }
    unsigned length = htonl((unsigned)size);
    if (send(fd, &length, LENGTH, MSG_NOSIGNAL | MSG_MORE) != LENGTH) { close(fd); return; }
    left[fd] = size;
    watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
    answer(fd);
}

static void greet(int listener) {
    int one = 1, buffer = SOCKET_BUFFER, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0 || fd >= DESCRIPTORS) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof addr;
    struct epoll_event events[EVENTS];
    cpu_set_t set;
    if (argc != 4) return 2;
    CPU_ZERO(&set);
    CPU_SET(atoi(argv[1]), &set);
    signal(SIGPIPE, SIG_IGN); /* sendfile to a client that is gone */
    if (sched_setaffinity(0, sizeof set, &set)) die("sched_setaffinity");
    file = open(argv[2], O_RDONLY);
    size = atoll(argv[3]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (file < 0 || listener < 0 || bind(listener, (struct sockaddr *)&addr, length) || listen(listener, 1024)) die("listen");
    if (getsockname(listener, (struct sockaddr *)&addr, &length)) die("getsockname");
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    epoll = epoll_create1(0);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) greet(fd);
            else if (events[i].events & EPOLLOUT) answer(fd);
            else serve(fd);
        }
    }
}
