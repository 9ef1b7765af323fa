#include "sentinel/edge/reply_reader.h"

#include <hiredis/hiredis.h>

#include <utility>

#include "replication/base/check.h"

namespace sentinel::edge {

// What hiredis calls for each thing that it has parsed. A null result ends the reading with an error.
struct ReplyReader::Functions {
  // Where the value belongs: the root, or the next element of the array that is being read. Elements are added one by
  // one, however many an array claims to have.
  static ReplyValue* Place(const redisReadTask* task) {
    auto* building = static_cast<Building*>(task->privdata);
    if (task->parent == nullptr) {
      building->root = ReplyValue{};
      return &building->root;
    }
    return &static_cast<ReplyValue*>(task->parent->obj)->elements.emplace_back();
  }

  static void* String(const redisReadTask* task, char* text, std::size_t length) {
    ReplyValue* value = Place(task);
    if (value == nullptr) return nullptr;
    value->kind = task->type == REDIS_REPLY_ERROR    ? ReplyValue::Kind::kError
                  : task->type == REDIS_REPLY_STATUS ? ReplyValue::Kind::kStatus
                                                     : ReplyValue::Kind::kString;
    value->text.assign(text, length);
    return value;
  }

  static void* Array(const redisReadTask* task, int) {
    ReplyValue* value = Place(task);
    if (value != nullptr) value->kind = ReplyValue::Kind::kArray;
    return value;
  }

  static void* Integer(const redisReadTask* task, long long number) {
    ReplyValue* value = Place(task);
    if (value == nullptr) return nullptr;
    value->kind = ReplyValue::Kind::kInteger;
    value->integer = number;
    return value;
  }

  static void* Nil(const redisReadTask* task) { return Place(task); }

  static void Free(void*) {}  // values belong to the ReplyReader

  static redisReplyObjectFunctions* Table() {
    static redisReplyObjectFunctions table{.createString = &String,
                                           .createArray = &Array,
                                           .createInteger = &Integer,
                                           .createNil = &Nil,
                                           .freeObject = &Free};
    return &table;
  }
};

ReplyReader::ReplyReader() : reader_(redisReaderCreateWithFunctions(Functions::Table()), &redisReaderFree) {
  VIGIL_CHECK(reader_ != nullptr);
  reader_->privdata = &building_;
}

ReplyReader::~ReplyReader() = default;

bool ReplyReader::Feed(std::string_view bytes) {
  if (!fault_.empty()) return true;
  safe_.clear();
  if (!guard_.Feed(bytes, safe_)) fault_ = guard_.error();
  return redisReaderFeed(reader_.get(), safe_.data(), safe_.size()) == REDIS_OK;
}

ReplyReader::Outcome ReplyReader::Next(ReplyValue& reply) {
  void* found = nullptr;
  if (redisReaderGetReply(reader_.get(), &found) != REDIS_OK) return Outcome::kMalformed;
  if (found == nullptr) return fault_.empty() ? Outcome::kNeedMore : Outcome::kMalformed;
  reply = std::move(building_.root);
  return Outcome::kReply;
}

std::string ReplyReader::error() const {
  return reader_->err != 0 ? reader_->errstr : fault_;
}

bool ReplyReader::idle() const {
  // hiredis may have prepared for the next reply already.
  const bool between_replies = reader_->ridx == -1 || (reader_->ridx == 0 && reader_->rstack[0].type == -1);
  return reader_->err == 0 && fault_.empty() && between_replies && reader_->len == reader_->pos && guard_.idle();
}

}  // namespace sentinel::edge
