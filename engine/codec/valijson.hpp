// valijson over RapidJSON. It throws where it would otherwise abort(): an invalid schema is an error of its
// author. Include this file instead of valijson's. The adapter is included without the macro, because with it
// the adapter redefines RapidJSON's assertion.
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
