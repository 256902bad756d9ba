// SPDX-License-Identifier: LGPL-2.1-or-later
// What of Boost is compiled once, instead of in each file that uses it.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
