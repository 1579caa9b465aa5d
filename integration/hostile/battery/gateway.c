// The one door that is left open in a cage without a network: the gateway to the model. It has to answer nothing but the model's API.
#include "battery.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int asked(const char *request, size_t length) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/claudine/api.sock"};
    int link = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link < 0 || connect(link, (struct sockaddr *)&address, sizeof address) != 0) return errno;
    if (send(link, request, length, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) return errno;
    char answer[256] = "";
    struct pollfd ready = {link, POLLIN, 0};
    if (poll(&ready, 1, 5000) <= 0) return ETIMEDOUT;
    ssize_t got = read(link, answer, sizeof answer - 1);
    // Closed without a word is a refusal, too.
    if (got <= 0) return ECONNRESET;
    int status = 0;
    if (sscanf(answer, "HTTP/1.1 %d", &status) != 1) return EPROTO;
    // 4xx is the gateway's own no; 401 is the model's API speaking, which was asked then.
    return status >= 400 && status < 500 && status != 401 && status != 429 ? EACCES : 0;
}

static int ask(const char *request) { return asked(request, strlen(request)); }

#define END "host: localhost\r\nconnection: close\r\n\r\n"
#define POST "POST /v1/messages HTTP/1.1\r\ncontent-type: application/json\r\nx-api-key: battery\r\n"

static int gateway_root(void) { return ask("GET / HTTP/1.1\r\n" END); }
static int gateway_other_path(void) { return ask("POST /v1/organizations HTTP/1.1\r\ncontent-length: 0\r\n" END); }
static int gateway_models(void) { return ask("GET /v1/messages HTTP/1.1\r\n" END); }
static int gateway_dots(void) { return ask("POST /v1/messages/../organizations HTTP/1.1\r\ncontent-length: 0\r\n" END); }
static int gateway_encoded(void) { return ask("POST /v1/messages/%2e%2e/organizations HTTP/1.1\r\ncontent-length: 0\r\n" END); }
static int gateway_slashes(void) { return ask("POST //v1/messages HTTP/1.1\r\ncontent-length: 0\r\n" END); }
static int gateway_tunnel(void) { return ask("CONNECT 192.0.2.1:443 HTTP/1.1\r\n" END); }
static int gateway_absolute(void) { return ask("GET http://192.0.2.1/ HTTP/1.1\r\nhost: 192.0.2.1\r\nconnection: close\r\n\r\n"); }
static int gateway_absolute_post(void) {
    return ask("POST http://192.0.2.1/v1/messages HTTP/1.1\r\nhost: 192.0.2.1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
}
static int gateway_delete(void) { return ask("DELETE /v1/messages HTTP/1.1\r\n" END); }
static int gateway_upgrade(void) { return ask("GET /v1/messages HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nhost: localhost\r\n\r\n"); }
// Two readers that disagree about where a request ends are how a second one is smuggled in.
static int gateway_two_lengths(void) {
    return ask(POST "content-length: 2\r\ncontent-length: 90\r\n" END "{}GET /v1/organizations HTTP/1.1\r\nhost: localhost\r\n\r\n");
}
static int gateway_length_and_chunks(void) {
    return ask(POST "content-length: 5\r\ntransfer-encoding: chunked\r\n" END "0\r\n\r\nGET /v1/organizations HTTP/1.1\r\nhost: localhost\r\n\r\n");
}
// The request is an ordinary one until its body is broken, so that what it gets may be anything; the door has to be there afterwards.
static int gateway_broken_chunks(void) {
    ask(POST "transfer-encoding: chunked\r\n" END "fffffffffffffffff\r\n{}\r\n0\r\n\r\n");
    return gateway_root();
}
static int gateway_line_in_header(void) { return ask("POST /v1/messages HTTP/1.1\r\nx-a: b\rx-api-key: c\r\ncontent-length: 0\r\n" END); }
static int gateway_garbage(void) { return ask("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"); }

static int gateway_large_header(void) {
    enum { SIZE = 1 << 20 };
    char *request = malloc(SIZE + 256);
    if (request == NULL) return ENOMEM;
    int start = sprintf(request, "POST /v1/messages HTTP/1.1\r\nx-large: ");
    memset(request + start, 'a', SIZE);
    strcpy(request + start + SIZE, "\r\ncontent-length: 0\r\n" END);
    int error = asked(request, strlen(request));
    free(request);
    return error;
}

#define DOOR(name, row, tries) PROBE(name, row, NOWHERE, "gateway", tries)

static const struct probe gateway_probes[] = {
    DOOR(gateway_root, "E62", "ask the gateway for its root"),
    DOOR(gateway_other_path, "E62", "ask the gateway for another part of the API"),
    DOOR(gateway_models, "E62", "ask the gateway with the wrong method"),
    DOOR(gateway_dots, "E62", "leave the gateway's path by dots"),
    DOOR(gateway_encoded, "E62", "leave the gateway's path by encoded dots"),
    DOOR(gateway_slashes, "E62", "confuse the gateway's path by slashes"),
    DOOR(gateway_tunnel, "E56", "open a tunnel through the gateway"),
    DOOR(gateway_absolute, "E56", "have the gateway fetch another site"),
    DOOR(gateway_absolute_post, "E56", "have the gateway post to another site"),
    DOOR(gateway_delete, "E62", "ask the gateway with a method of its own"),
    DOOR(gateway_upgrade, "E56", "turn the gateway's connection into another protocol"),
    DOOR(gateway_two_lengths, "E56", "smuggle a second request by two lengths"),
    DOOR(gateway_length_and_chunks, "E56", "smuggle a second request by a length and chunks"),
    DOOR(gateway_broken_chunks, "E56", "overflow the size of a chunk"),
    DOOR(gateway_line_in_header, "E56", "break a header's line"),
    DOOR(gateway_large_header, "E56", "send a header of 1 MiB"),
    DOOR(gateway_garbage, "E56", "speak another protocol"),
};
TOPIC(gateway);
