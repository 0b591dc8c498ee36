//! One integration binary: the real program over real sockets.
