// valijson over RapidJSON, throwing what it would otherwise abort() on: a schema with a wrong rule is a
// mistake of the schema's author. Every use goes through here. Its adapter is taken without the switch, for
// with it the adapter redefines RapidJSON's assertion.
#pragma once

#include <stdexcept>
#include <string>

#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/exceptions.hpp>
#undef VALIJSON_USE_EXCEPTIONS

#include <valijson/adapters/rapidjson_adapter.hpp>

#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>
