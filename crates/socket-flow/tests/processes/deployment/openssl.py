"""A WebSocket client on OpenSSL, written out: PORT AUTHORITY VERSION.

Prints `ok` when everything was as it must be, the close_notify included.
"""

import socket
import ssl
import sys

port, authority, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]

context = ssl.create_default_context(cafile=authority)
context.set_alpn_protocols(["h2", "http/1.1"])
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

tcp = socket.create_connection(("127.0.0.1", port), timeout=20)
tls = context.wrap_socket(tcp, server_hostname="localhost", suppress_ragged_eofs=False)
assert tls.selected_alpn_protocol() == "http/1.1", tls.selected_alpn_protocol()
assert tls.version() == version.replace("_", "."), tls.version()

tls.sendall(
    b"GET / HTTP/1.1\r\n"
    b"Host: localhost\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"\r\n"
)
head = b""
while not head.endswith(b"\r\n\r\n"):
    head += tls.recv(1)
assert head.startswith(b"HTTP/1.1 101 "), head
assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head


def receive(count):
    data = b""
    while len(data) < count:
        data += tls.recv(count - len(data))
    return data


# "Hello", masked (RFC 6455 section 5.7), and its echo.
tls.sendall(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
assert receive(7) == b"\x81\x05Hello"

# A Close with 1000 under a mask of zeros, the server's, and the end of TLS: without a
# close_notify this read would raise an error.
tls.sendall(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
assert receive(4) == b"\x88\x02\x03\xe8"
assert tls.recv(1) == b""
print("ok")
