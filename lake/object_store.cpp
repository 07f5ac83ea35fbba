#include "object_store.h"

#include <arrow/filesystem/localfs.h>
#ifdef TRICKLE_LAKE_S3
#include <arrow/filesystem/s3fs.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lake {

namespace {

#ifdef TRICKLE_LAKE_S3
std::shared_ptr<arrow::fs::FileSystem> connect_s3(const std::map<std::string, std::string> &settings)
{
	auto setting = [&](const char *name) {
		auto found = settings.find(name);
		return found == settings.end() ? std::string() : found->second;
	};
	check(arrow::fs::EnsureS3Initialized());
	arrow::fs::S3Options options = setting("access_key_id").empty()
	                                   ? arrow::fs::S3Options::Defaults()
	                                   : arrow::fs::S3Options::FromAccessKey(setting("access_key_id"), setting("secret_access_key"),
	                                                                         setting("session_token"));
	options.region = setting("region").empty() ? "us-east-1" : setting("region");
	options.endpoint_override = setting("endpoint");
	if (!setting("scheme").empty())
		options.scheme = setting("scheme");
	options.force_virtual_addressing = !options.endpoint_override.empty() && setting("path_style") == "false";
	// Our own backoff takes over soon: a server that is down must not hold up the tables of other lakes for long.
	options.connect_timeout = 3;
	options.request_timeout = 10;
	options.retry_strategy = arrow::fs::S3RetryStrategy::GetAwsStandardRetryStrategy(2);
	return check(arrow::fs::S3FileSystem::Make(options));
}
#endif

void sync(const std::string &path, int flags)
{
	const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
	const int failed = descriptor < 0 || fsync(descriptor) != 0 ? errno : 0;
	if (descriptor >= 0)
		::close(descriptor);
	if (failed)
		throw StoreError(failed == ENOSPC ? "53100" : "58030", "cannot make " + path + " durable: " + strerror(failed));
}

}  // namespace

ObjectStore::ObjectStore(const std::string &data_path, const std::map<std::string, std::string> &settings)
    : local_(!data_path.starts_with("s3://"))
{
	if (local_) {
		files_ = std::make_shared<arrow::fs::LocalFileSystem>();
		root_ = data_path;
		return;
	}
#ifdef TRICKLE_LAKE_S3
	files_ = connect_s3(settings);
	root_ = data_path.substr(5);
#else
	(void)settings;
	throw StoreError("0A000", "this trickle-lake was built without S3: " + data_path);
#endif
}

void ObjectStore::be_as_open() const
{
	struct stat status;
	if (local_ && stat(root_.c_str(), &status) == 0)
		umask(~status.st_mode & 0777);
}

std::string ObjectStore::full(const std::string &path) const
{
	if (path.starts_with("s3://"))
		return path.substr(5);
	return path.starts_with('/') ? path : root_ + path;
}

std::string ObjectStore::uri(const std::string &path) const
{
	return (local_ ? "file://" : "s3://") + full(path);
}

std::shared_ptr<arrow::io::OutputStream> ObjectStore::create(const std::string &path)
{
	const std::string name = full(path);
	auto file = files_->OpenOutputStream(name);
	if (!file.ok() && local_) {
		check(files_->CreateDir(name.substr(0, name.rfind('/')), true));
		for (size_t end = root_.size(); end != std::string::npos && end < name.rfind('/'); end = name.find('/', end + 1))
			sync(name.substr(0, end), O_RDONLY | O_DIRECTORY);
		file = files_->OpenOutputStream(name);
	}
	return check(std::move(file));
}

void ObjectStore::close_file(arrow::io::OutputStream &file, const std::string &path)
{
	check(file.Close());
	if (local_) {
		const std::string name = full(path);
		sync(name, O_RDONLY);
		sync(name.substr(0, name.rfind('/')), O_RDONLY | O_DIRECTORY);
	}
}

void ObjectStore::put(const std::string &path, const std::string &bytes)
{
	const auto file = create(path);
	check(file->Write(bytes.data(), static_cast<int64_t>(bytes.size())));
	close_file(*file, path);
}

std::shared_ptr<arrow::io::RandomAccessFile> ObjectStore::open(const std::string &path)
{
	return check(files_->OpenInputFile(full(path)));
}

int64_t ObjectStore::size(const std::string &path)
{
	return check(files_->GetFileInfo(full(path))).size();
}

void ObjectStore::remove(const std::string &path)
{
	const std::string name = full(path);
	if (check(files_->GetFileInfo(name)).type() == arrow::fs::FileType::NotFound)
		return;
	check(files_->DeleteFile(name));
}

void ObjectStore::list(const std::function<void(const std::string &, int64_t)> &file)
{
	arrow::fs::FileSelector everything;
	everything.base_dir = root_.substr(0, root_.size() - 1);
	everything.recursive = true;
	everything.allow_not_found = true;
	for (const arrow::fs::FileInfo &info : check(files_->GetFileInfo(everything)))
		if (info.IsFile() && info.path().starts_with(root_))
			file(info.path().substr(root_.size()), std::chrono::duration_cast<std::chrono::seconds>(info.mtime().time_since_epoch()).count());
}

void finish_object_stores()
{
#ifdef TRICKLE_LAKE_S3
	if (arrow::fs::IsS3Initialized())
		(void)arrow::fs::FinalizeS3();
#endif
}

}  // namespace lake
