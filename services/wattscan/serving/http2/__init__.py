"""gRPC over HTTP/2, on blocking sockets: a thread for each connection, and the pool's for calls."""
