// A client of HTTP, for tests: one request per connection, or a feed that is read as it grows.
#pragma once

#include <string>
#include <vector>

namespace support {

struct HttpReply {
  int status = 0;  // 0: no answer
  std::string head;
  std::string body;
};

// Connects to 127.0.0.1. `headers` are whole lines without their ends.
HttpReply AskHttp(int port, const std::string& path, const std::string& method = "GET",
                  const std::vector<std::string>& headers = {}, const std::string& body = "", int timeout_ms = 10000);

// What is answered to GET, for as long as it goes on.
class HttpFeedReader {
 public:
  HttpFeedReader(int port, const std::string& path);
  ~HttpFeedReader();
  HttpFeedReader(const HttpFeedReader&) = delete;
  HttpFeedReader& operator=(const HttpFeedReader&) = delete;

  // Whether `text` has come, after waiting for it if need be.
  bool Has(const std::string& text, int timeout_ms = 60000);
  const std::string& received() const { return received_; }

 private:
  int socket_ = -1;
  std::string received_;
};

}  // namespace support
